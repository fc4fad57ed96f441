package gittree

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFetch clones one branch, shallow or not, and runs what is advised: the base
// is there after that, with what it has in common with what is checked out.
func TestFetch(t *testing.T) {
	origin := newRepository(t)
	git := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git(origin, "init", "-q", "-b", "main")
	for i := range 5 {
		if i == 3 {
			git(origin, "tag", "v1.2")
			git(origin, "checkout", "-q", "-b", "topic")
		}
		git(origin, "commit", "-q", "--allow-empty", "-m", "x")
	}
	git(origin, "checkout", "-q", "main")
	git(origin, "commit", "-q", "--allow-empty", "-m", "later")
	for _, depth := range [][]string{{"--single-branch"}, {"--depth", "1"}} {
		clone := t.TempDir()
		git(clone, append(append([]string{"clone", "-q", "-b", "topic"}, depth...), "file://"+origin, ".")...)
		for _, ref := range []string{"origin/main", "origin/main~1", "v1.2", "v1.2^", "HEAD~2", git(origin, "rev-parse", "main")} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(clone)); err != nil { // it costs less than to clone again
				t.Fatal(err)
			}
			if _, err := MergeBase(t.Context(), dir, ref, "HEAD"); err == nil && ref == "origin/main" {
				t.Fatalf("%s is there already", ref)
			}
			advice := strings.Fields(Fetch(t.Context(), dir, ref))
			if len(advice) == 0 {
				t.Fatalf("no advice for %s", ref)
			}
			git(dir, advice[1:]...)
			rev, err := Resolve(t.Context(), dir, ref)
			if err != nil {
				t.Fatalf("%v: %v", advice, err)
			}
			if _, err := MergeBase(t.Context(), dir, rev, "HEAD"); err != nil {
				t.Errorf("%v: %v", advice, err)
			}
		}
	}
	lonely := newRepository(t)
	git(lonely, "init", "-q")
	if got := Fetch(t.Context(), lonely, "origin/main"); got != "" {
		t.Errorf("without a remote: %q", got)
	}
}

func TestNoGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Chdir(t.TempDir())
	_, open := Open(t.Context(), ".", Worktree)
	_, resolve := Resolve(t.Context(), ".", "HEAD")
	_, base := MergeBase(t.Context(), ".", "HEAD", "HEAD")
	for _, err := range []error{open, resolve, base} {
		if !errors.Is(err, ErrNoGit) {
			t.Errorf("without git, outside of a repository: %v", err)
		}
	}
}

// TestWithoutGit reads a repository with git and without.
func TestWithoutGit(t *testing.T) {
	dir := newRepository(t)
	run(t, dir, "init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "f"), "f")
	write(t, filepath.Join(dir, "a/b/run"), "run")
	write(t, filepath.Join(dir, "a/gone"), "gone")
	if err := errors.Join(os.Chmod(filepath.Join(dir, "a/b/run"), 0o755), os.Symlink("f", filepath.Join(dir, "l"))); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	run(t, dir, "branch", "side")
	write(t, filepath.Join(dir, "new"), "new")
	commit(t, dir)
	run(t, dir, "tag", "-a", "-m", "x", "v1")
	write(t, filepath.Join(dir, "new"), "newer")
	write(t, filepath.Join(dir, "untracked/x"), "x")
	if err := os.MkdirAll(filepath.Join(dir, "hollow/inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a/gone")); err != nil {
		t.Fatal(err)
	}
	type state struct{ root, tag, base, trees string }
	look := func() (s state) {
		var errs [3]error
		s.root, errs[0] = Root(t.Context(), dir)
		s.tag, errs[1] = Resolve(t.Context(), dir, "v1")
		s.base, errs[2] = MergeBase(t.Context(), dir, "side", "HEAD")
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		for _, rev := range []string{"side", "v1", "HEAD", Worktree} {
			tree := open(t, dir, rev)
			for _, name := range slices.Sorted(maps.Keys(tree.entries)) {
				e := tree.entries[name]
				blob := e.Blob
				if e.Mode.IsDir() && !e.submodule {
					blob = ""
				}
				text := ""
				if e.Mode.IsRegular() {
					data, err := tree.ReadFile(filepath.Join(s.root, name))
					if err != nil {
						t.Fatal(err)
					}
					text = string(data)
				}
				s.trees += fmt.Sprintf("%s %s %v %s %q\n", rev, name, e.Mode, blob, text)
			}
		}
		return s
	}
	with := look()
	t.Setenv("PATH", t.TempDir())
	if without := look(); without != with {
		t.Errorf("without git:\n%+v\nwith it:\n%+v", without, with)
	}
}

func newRepository(t *testing.T) string {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	return t.TempDir()
}

// TestNoRepository names the folder, and not the command of git that failed.
func TestNoRepository(t *testing.T) {
	dir := t.TempDir()
	if _, err := Root(t.Context(), dir); err == nil || err.Error() != dir+" is not in a git repository" {
		t.Error(err)
	}
}
