package gittree

import (
	"context"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// commitName is what the name of a commit looks like.
var commitName = lazyregexp.New(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Fetch is the command that makes a revision known here, with all that it has in
// common with what is checked out; "" if there is nowhere to fetch from. It works
// in clones of one branch and in shallow ones, where a plain git fetch does not.
func Fetch(ctx context.Context, dir, rev string) string {
	out, err := git(ctx, dir, "remote")
	remotes := strings.Fields(string(out))
	if err != nil || len(remotes) == 0 {
		return ""
	}
	// What is counted from a commit, such as main~3, is there when its history is.
	rev, counted := from(rev)
	remote, name := "origin", rev
	if !slices.Contains(remotes, remote) {
		remote = remotes[0]
	}
	to := "refs/heads/"
	for _, r := range remotes {
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(rev, "refs/remotes/"), r+"/"); ok {
			remote, name, to = r, rest, "refs/remotes/"+r+"/"
		}
	}
	cmd := []string{"git", "fetch"}
	if out, err := git(ctx, dir, "rev-parse", "--is-shallow-repository"); err == nil && strings.TrimSpace(string(out)) == "true" {
		cmd = append(cmd, "--unshallow")
	}
	cmd = append(cmd, remote)
	if out, err := git(ctx, dir, "rev-parse", "HEAD"); err == nil && len(cmd) == 4 {
		cmd = append(cmd, strings.TrimSpace(string(out))) // its history is cut off too
	}
	tag, isTag := strings.CutPrefix(rev, "refs/tags/")
	switch {
	case counted && (rev == "HEAD" || rev == ""):
	case commitName.MatchString(rev):
		cmd = append(cmd, rev)
	case isTag || strings.HasPrefix(rev, "v") && strings.Trim(rev[1:], "0123456789.") == "":
		cmd = append(cmd, "tag", tag)
	default:
		name = strings.TrimPrefix(name, "refs/heads/")
		cmd = append(cmd, "+refs/heads/"+name+":"+to+name)
	}
	return strings.Join(cmd, " ")
}

// from takes off what counts from a commit, and says whether anything does.
func from(rev string) (string, bool) {
	if at := strings.IndexAny(rev, "~^@:"); at >= 0 {
		return rev[:at], true
	}
	return rev, false
}

// Names are the branches and tags that are known here, as they are written.
func Names(ctx context.Context, dir string) []string {
	out, err := git(ctx, dir, "for-each-ref", "--format=%(refname:short)")
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// Branch is the branch that a revision names, without its remote; "" if it is
// none.
func Branch(ctx context.Context, dir, rev string) string {
	out, err := git(ctx, dir, "rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", rev)
	full := strings.TrimSpace(string(out))
	if err != nil {
		return ""
	}
	if name, ok := strings.CutPrefix(full, "refs/heads/"); ok {
		return name
	}
	if name, ok := strings.CutPrefix(full, "refs/remotes/"); ok {
		_, name, _ = strings.Cut(name, "/")
		return name
	}
	return ""
}
