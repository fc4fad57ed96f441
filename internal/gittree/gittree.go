// Package gittree reads the files of a commit, or of a working tree as git sees
// it, from a repository's objects: nothing is checked out.
//
// A file is known by its blob, so that its content need not be read to compare
// it: filters, line ends and large files behind pointers do not matter, as long
// as blobs are compared with blobs. What git does not know in a working tree has
// a blob of its own that is equal to none.
//
// The package runs git. It knows nothing of targets.
package gittree

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
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
	cat *catFile
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
	if t.disk {
		err = t.readWorktree(ctx)
	} else {
		err = t.readCommit(ctx, rev)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range t.entries {
		slices.SortFunc(e.children, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	if !t.disk {
		t.cat = &catFile{ctx: ctx, dir: root}
	}
	return t, nil
}

// Close ends what the tree has running.
func (t *Tree) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cat != nil {
		t.cat.close()
	}
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
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
	if err != nil {
		return "", fmt.Errorf("there is no commit %q here", rev)
	}
	return strings.TrimSpace(string(out)), nil
}

// MergeBase returns the commit at which two revisions parted.
func MergeBase(ctx context.Context, dir, a, b string) (string, error) {
	out, err := git(ctx, dir, "merge-base", "--end-of-options", a, b)
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

// modes are those that git keeps.
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
		e.children = []*Entry{{Name: ".commit", Mode: 0o644, Blob: blob}}
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
	if out, err = git(ctx, t.root, "ls-files", "-o", "-z"); err != nil {
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

// addUntracked enters a file that git does not know, or all that is in a
// repository of its own, which git lists as a folder.
func (t *Tree) addUntracked(name string) error {
	full := filepath.Join(t.root, filepath.FromSlash(name))
	err := filepath.WalkDir(full, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := t.Inside(file)
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
		case info.IsDir(): // a submodule at another commit, or with changes
			t.add(name, "160000", "changed "+info.ModTime().String())
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(full)
			if err != nil {
				return err
			}
			t.add(name, "120000", "link "+link)
		default:
			t.add(name, gitMode(info.Mode()), "")
			files = append(files, name)
		}
	}
	for part := range slices.Chunk(files, 500) {
		out, err := git(ctx, t.root, append([]string{"hash-object", "--"}, part...)...)
		if err != nil {
			return err
		}
		blobs := strings.Fields(string(out))
		if len(blobs) != len(part) {
			return errors.New("git hash-object: files changed while they were read")
		}
		for i, name := range part {
			t.entries[name].Blob = blobs[i]
		}
	}
	return nil
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

// Inside says whether a path is in the repository, and which one it is there.
func (t *Tree) Inside(name string) (string, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.cwd, name)
	}
	rel, err := filepath.Rel(t.root, name)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	if rel = filepath.ToSlash(rel); rel == "." {
		rel = ""
	}
	return rel, true
}

// at returns the entry of a path without following its last part.
func (t *Tree) at(op, name string) (*Entry, error) {
	rel, ok := t.Inside(name)
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: errors.New("outside of the repository")}
	}
	if e := t.entries[rel]; e != nil {
		return e, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// List returns what a folder holds.
func (t *Tree) List(dir string) ([]*Entry, error) {
	real, err := t.RealPath(dir)
	if err != nil {
		return nil, err
	}
	e, err := t.at("open", real)
	if err != nil {
		return nil, err
	}
	return e.children, nil
}

// Blob returns the object of a file.
func (t *Tree) Blob(name string) (string, error) {
	name, err := t.inRealFolder(name)
	if err != nil {
		return "", err
	}
	e, err := t.at("open", name)
	if err != nil {
		if rel, ok := t.Inside(name); ok && path.Base(rel) == ".commit" {
			if e := t.entries[parent(rel)]; e != nil {
				return e.Blob, nil
			}
		}
		return "", err
	}
	return e.Blob, nil
}

// Attributes are the blobs of the .gitattributes files that may change what git
// makes of a file.
func (t *Tree) Attributes(name string) string {
	dir := filepath.Dir(name)
	if got, ok := t.attributes.Load(dir); ok {
		return got.(string)
	}
	blobs := t.attributesOf(name)
	t.attributes.Store(dir, blobs)
	return blobs
}

func (t *Tree) attributesOf(name string) string {
	name, err := t.inRealFolder(name)
	rel, ok := t.Inside(name)
	if err != nil || !ok {
		return ""
	}
	var b strings.Builder
	for rel != "" {
		rel = parent(rel)
		if e := t.entries[path.Join(rel, ".gitattributes")]; e != nil {
			b.WriteString(" " + e.Blob)
		}
	}
	return b.String()
}

// Link returns where a symbolic link in a folder points to.
func (t *Tree) Link(name string) (string, error) {
	name, err := t.inRealFolder(name)
	if err != nil {
		return "", err
	}
	return t.link(name)
}

// inRealFolder is a path of which only the last part may be a link.
func (t *Tree) inRealFolder(name string) (string, error) {
	if rel, ok := t.Inside(name); !ok || rel == "" {
		return name, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.cwd, name)
	}
	dir, err := t.RealPath(filepath.Dir(name))
	return filepath.Join(dir, filepath.Base(name)), err
}

func (t *Tree) link(name string) (string, error) {
	e, err := t.at("readlink", name)
	if err != nil {
		return "", err
	}
	data, err := t.content(name, e)
	return string(data), err
}

// RealPath is the path without symbolic links.
func (t *Tree) RealPath(name string) (string, error) {
	const most = 40
	for range most {
		next, linked, err := t.firstLink(name)
		if err != nil || !linked {
			return next, err
		}
		name = next
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("too many symbolic links")}
}

func (t *Tree) firstLink(name string) (string, bool, error) {
	rel, ok := t.Inside(name)
	if !ok {
		return name, false, &fs.PathError{Op: "open", Path: name, Err: errors.New("outside of the repository")}
	}
	full := filepath.Join(t.root, filepath.FromSlash(rel))
	done := ""
	for rest := rel; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		at := path.Join(done, part)
		if e := t.entries[at]; e != nil && e.Mode&fs.ModeSymlink != 0 {
			to, err := t.link(filepath.Join(t.root, filepath.FromSlash(at)))
			if err != nil {
				return name, false, err
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(t.root, filepath.FromSlash(done), filepath.FromSlash(to))
			}
			return filepath.Join(to, filepath.FromSlash(rest)), true, nil
		}
		done = at
	}
	return full, false, nil
}

// ReadFile returns the bytes of a file.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	real, err := t.RealPath(name)
	if err != nil {
		return nil, err
	}
	e, err := t.at("open", real)
	if err != nil {
		return nil, err
	}
	if e.Mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return t.content(real, e)
}

func (t *Tree) content(name string, e *Entry) ([]byte, error) {
	if t.disk {
		if e.Mode&fs.ModeSymlink != 0 {
			link, err := os.Readlink(name)
			return []byte(link), err
		}
		return os.ReadFile(name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cat.read(e.Blob)
}

// Stat says what a path is, links followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	real, err := t.RealPath(name)
	if err != nil {
		return nil, err
	}
	e, err := t.at("stat", real)
	if err != nil {
		return nil, err
	}
	return info{e}, nil
}

// ReadDir lists a folder.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := t.List(name)
	var out []fs.DirEntry
	for _, e := range list {
		out = append(out, fs.FileInfoToDirEntry(info{e}))
	}
	return out, err
}

type info struct{ *Entry }

func (i info) Name() string       { return i.Entry.Name }
func (i info) Size() int64        { return 0 }
func (i info) Mode() fs.FileMode  { return i.Entry.Mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.Entry.Mode.IsDir() }
func (i info) Sys() any           { return nil }

// catFile is one git cat-file that is asked for blob after blob.
type catFile struct {
	ctx   context.Context
	dir   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

func (c *catFile) start() error {
	c.cmd = exec.CommandContext(c.ctx, "git", "cat-file", "--batch")
	c.cmd.Dir = c.dir
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	c.out = bufio.NewReader(stdout)
	return c.cmd.Start()
}

func (c *catFile) read(blob string) ([]byte, error) {
	if c.cmd == nil {
		if err := c.start(); err != nil {
			return nil, fmt.Errorf("git cat-file: %w", err)
		}
	}
	if _, err := fmt.Fprintln(c.stdin, blob); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	var name, kind string
	var size int
	if n, _ := fmt.Sscan(line, &name, &kind, &size); n != 3 {
		return nil, fmt.Errorf("git cat-file: %s", strings.TrimSpace(line))
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(c.out, data); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return data[:size], nil
}

func (c *catFile) close() {
	if c.cmd != nil {
		_ = c.stdin.Close()
		_ = c.cmd.Wait()
	}
}
