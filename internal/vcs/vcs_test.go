package vcs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with a commit and the folder sub, and returns its root
// and its commit.
func repository(t *testing.T, steps ...string) (root, commit string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	script := strings.Join(append([]string{
		"git init -q -b main", "mkdir sub", "echo a >sub/f", "git add .",
		"git -c user.name=n -c user.email=e@example.test commit -qm one",
	}, steps...), "\n")
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	head, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return root, strings.TrimSpace(string(head))
}

func TestFind(t *testing.T) {
	tests := []struct {
		name  string
		steps []string
		dirty bool
		want  Tree // Root and the commit are filled in
	}{
		{"no remote", nil, false, Tree{}},
		{"origin", []string{"git remote add origin https://example.test/a.git", "git remote add upstream https://example.test/b.git"}, false, Tree{Source: "https://example.test/a.git"}},
		{"upstream", []string{"git remote add upstream https://example.test/b.git"}, false, Tree{Source: "https://example.test/b.git"}},
		{"what the branch follows", []string{
			"git remote add origin https://example.test/a.git", "git remote add fork git@example.test:c.git",
			"git config branch.main.remote fork", "git config branch.main.merge refs/heads/main",
		}, false, Tree{Source: "git@example.test:c.git"}},
		{"a password", []string{"git remote add origin https://me:secret@example.test/a.git"}, false, Tree{Source: "https://xxxxx:xxxxx@example.test/a.git"}},
		{"changed, not asked", []string{"echo b >sub/f"}, false, Tree{}},
		{"changed", []string{"echo b >sub/f"}, true, Tree{Revision: "-dirty"}},
		{"untracked", []string{"echo b >new"}, true, Tree{Revision: "-dirty"}},
		{"ignored", []string{"echo new >.git/info/exclude", "echo b >new"}, true, Tree{Revision: "-dirty"}},
		{"clean", nil, true, Tree{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, commit := repository(t, tt.steps...)
			tt.want.Root, tt.want.Revision = root, commit+tt.want.Revision
			got := Find(t.Context(), filepath.Join(root, "sub"), Options{CheckDirty: tt.dirty})
			if got == nil || *got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "gone")} {
		if got := Find(t.Context(), dir, Options{CheckDirty: true}); got != nil {
			t.Errorf("%s: %+v", dir, got)
		}
	}
	root, _ := repository(t)
	if err := exec.Command("git", "init", "-q", filepath.Join(root, "empty")).Run(); err != nil {
		t.Fatal(err)
	}
	if got := Find(t.Context(), filepath.Join(root, "empty"), Options{CheckDirty: true}); got == nil || got.Revision != "" {
		t.Errorf("before the first commit: %+v", got)
	}
}

func TestInside(t *testing.T) {
	root, _ := repository(t, "ln -s sub link", "ln -s / out", "mkdir ..sub")
	tree := Tree{Root: root}
	for path, want := range map[string]string{"": ".", "sub": "sub", "link": "sub", "..sub": "..sub", "sub/none": "sub/none"} {
		if got, ok := tree.Inside(filepath.Join(root, path)); !ok || got != want {
			t.Errorf("%q is at %q, %t, want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"..", "out"} {
		if got, ok := tree.Inside(filepath.Join(root, path)); ok {
			t.Errorf("%q is at %q", path, got)
		}
	}
}
