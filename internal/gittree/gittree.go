// Package gittree reads the files of a commit, or of a working tree as git sees
// it, from a repository's objects: nothing is checked out.
//
// A file is known by its blob, so that its content need not be read to compare
// it: filters, line ends and large files behind pointers do not matter, as long
// as blobs are compared with blobs. What git does not know in a working tree has
// a blob of its own that is equal to none.
//
// The package runs git; where there is none, it reads the repository itself. It knows
// nothing of targets.
package gittree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Worktree stands for the files on the disk in the place of a commit.
const Worktree = "worktree"

// Tree is the files of a commit. It is for several goroutines.
type Tree struct {
	root    string // of the repository, absolute
	cwd     string // what relative paths start from
	entries map[string]*Entry
	disk    bool // contents are read from the disk

	attributes sync.Map // what Attributes says, by folder

	mu  sync.Mutex
	cat blobs
}

// blobs reads objects.
type blobs interface {
	read(blob string) ([]byte, error)
	close()
}

// Entry is a file, a link, a folder or a submodule.
type Entry struct {
	Name string
	// Mode is as git keeps it: 0644 and 0755 for files, 0755 for folders.
	Mode fs.FileMode
	// Blob is the object of a file or link, and the commit of a submodule.
	Blob string

	children  []*Entry // of a folder, in the order of names
	submodule bool
}

// Root is the folder of the repository around a directory.
func Root(ctx context.Context, dir string) (string, error) {
	out, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if errors.Is(err, ErrNoGit) {
		l, err := openLibrary(dir)
		if err != nil {
			return "", err
		}
		return l.root, nil
	}
	if err != nil && strings.Contains(err.Error(), "not a git repository") {
		if abs, absErr := filepath.Abs(dir); absErr == nil {
			dir = abs
		}
		return "", fmt.Errorf("%s is not in a git repository", dir)
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(filepath.FromSlash(strings.TrimSuffix(string(out), "\n")))
}

// Open reads the names and blobs of a commit, or of Worktree.
func Open(ctx context.Context, dir, rev string) (*Tree, error) {
	root, err := Root(ctx, dir)
	if err != nil {
		return nil, err
	}
	cwd, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if cwd, err = filepath.EvalSymlinks(cwd); err != nil {
		return nil, err
	}
	t := &Tree{root: root, cwd: cwd, entries: map[string]*Entry{"": {Mode: fs.ModeDir | 0o755}}, disk: rev == Worktree}
	if err := t.readAll(ctx, rev); err != nil {
		return nil, err
	}
	for _, e := range t.entries {
		slices.SortFunc(e.children, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	return t, nil
}

// readAll reads the names and blobs, by git if it is there.
func (t *Tree) readAll(ctx context.Context, rev string) error {
	if _, err := exec.LookPath("git"); err != nil {
		return t.readWithoutGit(rev)
	}
	if t.disk {
		return t.readWorktree(ctx)
	}
	t.cat = &catFile{ctx: ctx, dir: t.root}
	return t.readCommit(ctx, rev)
}

func (t *Tree) readWithoutGit(rev string) error {
	l, err := openLibrary(t.root)
	if err != nil {
		return err
	}
	t.cat = l
	if t.disk {
		err = l.readWorktree(t)
	} else {
		err = l.readCommit(t, rev)
	}
	if err != nil {
		return fmt.Errorf("%w; reading the repository without it: %w", ErrNoGit, err)
	}
	return nil
}

// Close ends what the tree has running.
func (t *Tree) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cat != nil {
		t.cat.close()
	}
}

// ErrNoGit is what all functions fail with where there is no git, and the repository
// is one that cannot be read without it.
var ErrNoGit = errors.New("there is no git in PATH: install it, or put its folder into PATH")

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C") // what it says is read
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, ErrNoGit
	}
	if err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.New(strings.SplitN(text, "\n", 2)[0])
		}
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}

// Resolve returns the commit that a revision means.
func Resolve(ctx context.Context, dir, rev string) (string, error) {
	out, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if errors.Is(err, ErrNoGit) {
		l, err := openLibrary(dir)
		if err != nil {
			return "", err
		}
		c, err := l.commit(rev)
		if err != nil {
			return "", fmt.Errorf("there is no commit %q here", rev)
		}
		return c.Hash.String(), nil
	}
	if err != nil {
		return "", fmt.Errorf("there is no commit %q here", rev)
	}
	return strings.TrimSpace(string(out)), nil
}

// MergeBase returns the commit at which two revisions parted.
func MergeBase(ctx context.Context, dir, a, b string) (string, error) {
	out, err := git(ctx, dir, "merge-base", "--end-of-options", a, b)
	if errors.Is(err, ErrNoGit) {
		l, err := openLibrary(dir)
		if err != nil {
			return "", err
		}
		base, err := l.mergeBase(a, b)
		if err != nil {
			return "", fmt.Errorf("%s and %s have no common commit here", a, b)
		}
		return base, nil
	}
	if err != nil {
		return "", fmt.Errorf("%s and %s have no common commit here", a, b)
	}
	return strings.TrimSpace(string(out)), nil
}

func (t *Tree) readCommit(ctx context.Context, rev string) error {
	out, err := git(ctx, t.root, "ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", rev)
	if err != nil {
		return err
	}
	for _, line := range records(out) {
		// MODE TYPE BLOB<TAB>PATH
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 3 {
			return fmt.Errorf("git ls-tree: %q cannot be read", line)
		}
		t.add(name, fields[0], fields[2])
	}
	return nil
}

func records(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// modeOf reads a mode as git writes it. Git keeps only these.
func modeOf(mode string) fs.FileMode {
	switch mode {
	case "120000":
		return fs.ModeSymlink | 0o777
	case "100755":
		return 0o755
	case "040000", "160000":
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// SubmoduleName is the one file of a folder that is a submodule: what is in it is
// known by its commit.
const SubmoduleName = ".commit"

// add enters a path, with the folders that it is in.
func (t *Tree) add(name, mode, blob string) {
	e := t.entries[name]
	if e == nil {
		e = &Entry{Name: path.Base(name)}
		t.entries[name] = e
		dir := parent(name)
		if t.entries[dir] == nil {
			t.add(dir, "040000", "")
		}
		t.entries[dir].children = append(t.entries[dir].children, e)
	}
	e.Mode, e.Blob, e.submodule = modeOf(mode), blob, mode == "160000"
	if e.submodule {
		// What is in a submodule is known by its commit.
		e.children = []*Entry{{Name: SubmoduleName, Mode: 0o644, Blob: blob}}
	}
}

// Submodules are the absolute paths of the submodules, with what their content
// is known by: that is equal only where the content is. The tree has none of the
// files in them.
func (t *Tree) Submodules() map[string]string {
	out := map[string]string{}
	for name, e := range t.entries {
		if e.submodule {
			out[filepath.Join(t.root, filepath.FromSlash(name))] = e.Blob
		}
	}
	return out
}

func parent(name string) string {
	return name[:max(strings.LastIndexByte(name, '/'), 0)]
}

func (t *Tree) remove(name string) {
	e := t.entries[name]
	if e == nil {
		return
	}
	delete(t.entries, name)
	dir := t.entries[parent(name)]
	dir.children = slices.DeleteFunc(dir.children, func(c *Entry) bool { return c == e })
	if len(dir.children) == 0 && parent(name) != "" {
		t.remove(parent(name))
	}
}

// readWorktree reads the index, and what the disk has in the place of it.
func (t *Tree) readWorktree(ctx context.Context) error {
	out, err := git(ctx, t.root, "ls-files", "-s", "-z")
	if err != nil {
		return err
	}
	for _, line := range records(out) {
		// MODE BLOB STAGE<TAB>PATH
		meta, name, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(meta); len(fields) == 3 {
			t.add(name, fields[0], fields[1])
		}
	}
	changed, err := changedNames(ctx, t.root)
	if err != nil {
		return err
	}
	if err := t.readChanged(ctx, changed); err != nil {
		return err
	}
	if err := t.readSubmodules(ctx); err != nil {
		return err
	}
	// Folders without a file that git knows are listed as such, also empty ones.
	if out, err = git(ctx, t.root, "ls-files", "-o", "--directory", "-z"); err != nil {
		return err
	}
	for _, name := range records(out) {
		if err := t.addUntracked(name); err != nil {
			return err
		}
	}
	return nil
}

// changedNames are the files of the index that may differ on the disk. git does
// not look at those that it was told to take for unchanged, so that all of them
// are here.
func changedNames(ctx context.Context, dir string) ([]string, error) {
	out, err := git(ctx, dir, "diff-files", "--ignore-submodules=none", "--name-only", "-z")
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNoGit) {
		// git gives up on the first file that it has to read through a filter which is
		// missing: one as young as the index. Then any may differ, and each is looked at.
		out, err = git(ctx, dir, "ls-files", "-z")
	}
	if err != nil {
		return nil, err
	}
	names := records(out)
	if out, err = git(ctx, dir, "ls-files", "-v", "-z"); err != nil {
		return nil, err
	}
	for _, line := range records(out) {
		// TAG PATH, in lower case for assume-unchanged, S for skip-worktree
		tag, name, _ := strings.Cut(line, " ")
		if tag == "S" || tag != strings.ToUpper(tag) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readSubmodules finds the submodules that hold files which their commit does
// not have, also those that git ignores.
func (t *Tree) readSubmodules(ctx context.Context) error {
	for dir, blob := range t.Submodules() {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
			continue // it is not checked out
		}
		others, err := git(ctx, dir, "ls-files", "-o", "-z")
		if err != nil {
			return err
		}
		changed, err := changedNames(ctx, dir)
		if err != nil {
			return err
		}
		if len(others) > 0 || len(changed) > 0 {
			name, _ := t.Inside(dir)
			t.add(name, "160000", "changed "+blob)
		}
	}
	return nil
}

// addUntracked enters a file that git does not know, or all that is in a folder of
// which git knows nothing.
func (t *Tree) addUntracked(name string) error {
	full := filepath.Join(t.root, filepath.FromSlash(name))
	err := filepath.WalkDir(full, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := t.Inside(file)
		if d.IsDir() {
			if t.entries[rel] == nil {
				t.add(rel, "040000", "")
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		t.add(rel, gitMode(info.Mode()), "untracked "+rel)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) { // removed since git has listed it
		return nil
	}
	return err
}

// readChanged finds the blobs that files which have changed would have.
func (t *Tree) readChanged(ctx context.Context, names []string) error {
	var files []string
	for _, name := range names {
		full := filepath.Join(t.root, filepath.FromSlash(name))
		info, err := os.Lstat(full)
		switch {
		case err != nil:
			t.remove(name)
			t.keepFolder(parent(name))
		case info.IsDir(): // a submodule at another commit, or with changes
			t.add(name, "160000", "changed "+info.ModTime().String())
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(full)
			if err != nil {
				return err
			}
			t.add(name, "120000", blobOf([]byte(link)))
		default:
			t.add(name, gitMode(info.Mode()), "")
			files = append(files, name)
		}
	}
	for part := range slices.Chunk(files, 500) {
		blobs, err := hashes(ctx, t.root, part)
		if err != nil {
			return err
		}
		for i, name := range part {
			t.entries[name].Blob = blobs[i]
		}
	}
	return nil
}

// keepFolder enters the innermost of the folders around a file that is still on the
// disk, if they have lost their last file.
func (t *Tree) keepFolder(name string) {
	for ; name != "" && t.entries[name] == nil; name = parent(name) {
		if info, err := os.Lstat(filepath.Join(t.root, filepath.FromSlash(name))); err == nil && info.IsDir() {
			t.add(name, "040000", "")
			return
		}
	}
}

// hashes are the blobs that files would have. Where git cannot say, because a filter
// is missing that the files need, each is one that is equal to none.
func hashes(ctx context.Context, dir string, names []string) ([]string, error) {
	out, err := git(ctx, dir, append([]string{"hash-object", "--"}, names...)...)
	if blobs := strings.Fields(string(out)); err == nil && len(blobs) == len(names) {
		return blobs, nil
	}
	if ctx.Err() != nil || errors.Is(err, ErrNoGit) {
		return nil, err
	}
	if len(names) == 1 {
		return []string{"unknown " + names[0]}, nil
	}
	half := len(names) / 2
	a, err := hashes(ctx, dir, names[:half])
	if err != nil {
		return nil, err
	}
	b, err := hashes(ctx, dir, names[half:])
	return append(a, b...), err
}

func gitMode(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "120000"
	case m&0o100 != 0:
		return "100755"
	}
	return "100644"
}
