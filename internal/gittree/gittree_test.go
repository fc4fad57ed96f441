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

// TestRevisions finds commits by name, and says what is no revision.
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
