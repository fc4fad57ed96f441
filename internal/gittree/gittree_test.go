package gittree

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// files are those of the repository of the tests; what begins with -> is a link.
var files = map[string]string{
	"a.txt":             "a\n",
	"run.sh":            "#!/bin/sh\n",
	"sub/deep/b.txt":    "b\n",
	"sub/link":          "->deep/b.txt",
	"with space/ü.txt":  "u\n",
	"with space/n\nl":   "newline in its name\n",
	"out":               "->../elsewhere",
	"empty":             "",
	".gitattributes":    "*.bin binary\n",
	"sub/deep/run.tool": "x",
}

// repository makes a repository with one commit of files.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		need.Missing(t, "git")
	}
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	for _, name := range []string{"run.sh", "sub/deep/run.tool"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "init", "-q")
	commit(t, dir)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	var err error
	if goal, ok := strings.CutPrefix(text, "->"); ok {
		err = os.Symlink(goal, path)
	} else {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func commit(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-q", "-m", "c")
}

func open(t *testing.T, dir, rev string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), dir, rev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

// holds compares a tree with what is expected in it.
func holds(t *testing.T, dir string, tree *Tree, want map[string]string) {
	t.Helper()
	root, err := Root(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		path := filepath.Join(root, name)
		if goal, ok := strings.CutPrefix(text, "->"); ok {
			list, err := tree.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			for _, e := range list {
				if e.Name() == filepath.Base(path) && e.Type() != fs.ModeSymlink {
					t.Errorf("%q is a %v, not a link to %s", name, e.Type(), goal)
				}
			}
			continue
		}
		data, err := tree.ReadFile(path)
		if err != nil || string(data) != text {
			t.Errorf("%q: %q, %v; want %q", name, data, err, text)
		}
	}
}

// TestCommit reads a commit while the disk holds something else.
func TestCommit(t *testing.T) {
	dir := repository(t)
	for name := range files {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tree := open(t, dir, "HEAD")
	holds(t, dir, tree, files)
	for name, want := range map[string]fs.FileMode{"a.txt": 0o644, "run.sh": 0o755, "sub/deep/run.tool": 0o755} {
		info, err := tree.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want the mode %o", name, info, err, want)
		}
	}
	if real, err := tree.RealPath(filepath.Join(dir, "sub/link")); err != nil || filepath.Base(real) != "b.txt" {
		t.Errorf("sub/link leads to %q, %v", real, err)
	}
	if _, err := tree.ReadFile(filepath.Join(dir, "missing")); err == nil {
		t.Error("a file that is not in the commit was read")
	}
}

// TestWorktree has what the disk holds in the place of the index: changed, new
// and removed files, and an execute bit.
func TestWorktree(t *testing.T) {
	dir := repository(t)
	head := open(t, dir, "HEAD")
	write(t, filepath.Join(dir, "a.txt"), "changed\n")
	write(t, filepath.Join(dir, "new/n.txt"), "new\n")
	if err := os.RemoveAll(filepath.Join(dir, "sub/deep")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir, Worktree)
	holds(t, dir, tree, map[string]string{"a.txt": "changed\n", "new/n.txt": "new\n", "run.sh": files["run.sh"], "with space/n\nl": files["with space/n\nl"]})
	if _, err := tree.ReadFile(filepath.Join(dir, "sub/deep/b.txt")); err == nil {
		t.Error("a file that was removed is still there")
	}
	if info, err := tree.Stat(filepath.Join(dir, "empty")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("empty: %v, %v; want the mode 755", info, err)
	}
	for name, same := range map[string]bool{"run.sh": true, "a.txt": false} {
		a, errA := head.Blob(filepath.Join(dir, name))
		b, errB := tree.Blob(filepath.Join(dir, name))
		if errA != nil || errB != nil || (a == b) != same {
			t.Errorf("%s: blobs %s and %s (%v, %v), equal: want %t", name, a, b, errA, errB, same)
		}
	}
}

// TestRevisions finds commits by name, and says what is not a revision.
func TestRevisions(t *testing.T) {
	dir := repository(t)
	run(t, dir, "tag", "first")
	run(t, dir, "checkout", "-q", "-b", "side")
	write(t, filepath.Join(dir, "a.txt"), "side\n")
	commit(t, dir)
	first, err := Resolve(t.Context(), dir, "first")
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "checkout", "-q", "-b", "other", "first")
	write(t, filepath.Join(dir, "empty"), "other\n")
	commit(t, dir)
	if base, err := MergeBase(t.Context(), dir, "side", "other"); err != nil || base != first {
		t.Errorf("side and other parted at %s, %v; want %s", base, err, first)
	}
	for _, rev := range []string{"nowhere", "--output=x", ""} {
		if id, err := Resolve(t.Context(), dir, rev); err == nil {
			t.Errorf("the revision %q is taken for %s", rev, id)
		}
	}
	if _, err := Root(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder outside of repositories has a root")
	}
}

// TestSubmodule has a submodule known by its commit, and by what is changed in
// it, also where git is told not to look.
func TestSubmodule(t *testing.T) {
	dir := repository(t)
	sub := repository(t)
	run(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "sub/sm")
	commit(t, dir)
	checkedOut := filepath.Join(dir, "sub/sm")
	content := func(rev string) string {
		root, err := Root(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		list := open(t, dir, rev).Submodules()
		if len(list) != 1 || list[filepath.Join(root, "sub/sm")] == "" {
			t.Fatalf("the submodules of %s are %q, not sub/sm alone", rev, list)
		}
		return list[filepath.Join(root, "sub/sm")]
	}
	first := content("HEAD")
	if now := content(Worktree); now != first {
		t.Errorf("nothing has changed, and the submodule is at %q, not %q", now, first)
	}
	run(t, dir, "config", "submodule.sub/sm.ignore", "all")
	run(t, checkedOut, "config", "core.excludesFile", "")
	write(t, filepath.Join(checkedOut, ".git-ignored"), "new\n")
	if content(Worktree) == first {
		t.Error("a new file in the submodule is not seen")
	}
	if err := os.Remove(filepath.Join(checkedOut, ".git-ignored")); err != nil {
		t.Fatal(err)
	}
	run(t, checkedOut, "update-index", "--assume-unchanged", "a.txt")
	write(t, filepath.Join(checkedOut, "a.txt"), "changed\n")
	if content(Worktree) == first {
		t.Error("a changed file in the submodule is not seen")
	}
	run(t, checkedOut, "update-index", "--no-assume-unchanged", "a.txt")
	commit(t, checkedOut)
	if content(Worktree) == first {
		t.Error("another commit in the submodule is not seen")
	}
	commit(t, dir)
}

// TestNested has the files of a repository that is in the working tree without
// being a submodule.
func TestNested(t *testing.T) {
	dir := repository(t)
	write(t, filepath.Join(dir, "sub/own/deep/n.txt"), "n\n")
	run(t, filepath.Join(dir, "sub/own"), "init", "-q")
	commit(t, filepath.Join(dir, "sub/own"))
	for _, ignored := range []string{"", "own/\n"} {
		write(t, filepath.Join(dir, ".gitignore"), ignored)
		holds(t, dir, open(t, dir, Worktree), map[string]string{"sub/own/deep/n.txt": "n\n", "a.txt": files["a.txt"]})
	}
}

// TestMarked reads files from the disk that git was told to take for unchanged.
func TestMarked(t *testing.T) {
	dir := repository(t)
	head := open(t, dir, "HEAD")
	blobs := func(tree *Tree, name string) string {
		blob, err := tree.Blob(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		return blob
	}
	run(t, dir, "update-index", "--assume-unchanged", "a.txt", "run.sh", "with space/n\nl")
	run(t, dir, "update-index", "--skip-worktree", "empty", "sub/deep/b.txt", "sub/link")
	for _, name := range []string{"a.txt", "with space/n\nl", "empty"} {
		write(t, filepath.Join(dir, name), "other\n")
	}
	write(t, filepath.Join(dir, "sub/link"), "->deep/run.tool")
	if err := os.Remove(filepath.Join(dir, "sub/deep/b.txt")); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir, Worktree)
	for name, same := range map[string]bool{"a.txt": false, "with space/n\nl": false, "empty": false, "run.sh": true, "sub/link": false} {
		if (blobs(head, name) == blobs(tree, name)) != same {
			t.Errorf("%q: the blob is equal: %t, want %t", name, !same, same)
		}
	}
	if _, err := tree.Stat(filepath.Join(dir, "sub/deep/b.txt")); err == nil {
		t.Error("a file that was removed is still there")
	}
}

// TestLinkedFolder reads through a folder that is a link.
func TestLinkedFolder(t *testing.T) {
	dir := repository(t)
	write(t, filepath.Join(dir, "way"), "->sub")
	commit(t, dir)
	for _, rev := range []string{"HEAD", Worktree} {
		tree := open(t, dir, rev)
		if goal, err := tree.Link(filepath.Join(dir, "way/link")); err != nil || goal != "deep/b.txt" {
			t.Errorf("%s: way/link leads to %q, %v", rev, goal, err)
		}
		a, errA := tree.Blob(filepath.Join(dir, "way/deep/b.txt"))
		b, errB := tree.Blob(filepath.Join(dir, "sub/deep/b.txt"))
		if errA != nil || errB != nil || a != b {
			t.Errorf("%s: the blobs are %q and %q, %v, %v", rev, a, b, errA, errB)
		}
	}
}
