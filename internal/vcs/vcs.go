// Package vcs asks git about the work tree that a folder is in: its root, its
// commit and where it came from. It uses the git command, as bake does, so that
// what git is configured to do holds here too. It does not know what the answers
// are for.
package vcs

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/util/urlutil"
)

// Tree is a work tree.
type Tree struct {
	// Root is its folder, without links.
	Root string
	// Revision is the commit that is checked out, with "-dirty" behind it if
	// that was asked for and something differs; "" before the first commit.
	Revision string
	// Source is the address of the remote repository, without credentials; "" if
	// there is none.
	Source string
}

// Options say what is looked for.
type Options struct {
	// CheckDirty compares the files with the commit, which takes a while in a large
	// tree.
	CheckDirty bool
}

// Find returns the work tree that a folder is in, or nil if it is in none, or
// there is no git.
func Find(ctx context.Context, dir string, opt Options) *Tree {
	g := git{ctx, dir}
	if inside, ok := g.run("rev-parse", "--is-inside-work-tree"); !ok || inside != "true" {
		return nil
	}
	root, ok := g.run("rev-parse", "--show-toplevel")
	if !ok {
		return nil
	}
	t := &Tree{Root: filepath.FromSlash(root), Source: urlutil.RedactCredentials(g.remote())}
	if t.Revision, ok = g.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}"); ok && opt.CheckDirty {
		if changed, ok := g.run("status", "--porcelain", "--ignored"); !ok || changed != "" {
			t.Revision += "-dirty"
		}
	}
	return t
}

// Inside returns where a file or folder is below the root, if it is.
func (t *Tree) Inside(path string) (string, bool) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(t.Root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return rel, true
}

// git runs git in a folder.
type git struct {
	ctx context.Context
	dir string
}

// run returns the first line that git prints, and whether it was content.
func (g git) run(args ...string) (string, bool) {
	cmd := exec.CommandContext(g.ctx, "git", append([]string{"-c", "log.showSignature=false"}, args...)...)
	cmd.Dir = g.dir
	out, err := cmd.Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSuffix(line, "\r"), err == nil
}

// remote is the address of what the branch follows, else of origin, else of
// upstream.
func (g git) remote() string {
	names := []string{"origin", "upstream"}
	if branch, ok := g.run("symbolic-ref", "-q", "HEAD"); ok && branch != "" {
		if name, ok := g.run("for-each-ref", "--format=%(upstream:remotename)", branch); ok && name != "" {
			names = append([]string{name}, names...)
		}
	}
	for _, name := range names {
		if url, ok := g.run("remote", "get-url", name); ok && url != "" {
			return url
		}
	}
	return ""
}
