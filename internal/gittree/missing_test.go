package gittree

import (
	"errors"
	"os/exec"
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
		for _, ref := range []string{"origin/main", "origin/main~1", "v1.2", "v1.2^", "HEAD~2", git(origin, "rev-parse", "main")} {
			dir := t.TempDir()
			git(dir, append(append([]string{"clone", "-q", "-b", "topic"}, depth...), "file://"+origin, ".")...)
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
	_, open := Open(t.Context(), ".", Worktree)
	_, resolve := Resolve(t.Context(), ".", "HEAD")
	_, base := MergeBase(t.Context(), ".", "HEAD", "HEAD")
	for _, err := range []error{open, resolve, base} {
		if !errors.Is(err, ErrNoGit) {
			t.Errorf("without git: %v", err)
		}
	}
}

func newRepository(t *testing.T) string {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	return t.TempDir()
}
