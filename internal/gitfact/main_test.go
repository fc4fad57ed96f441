package gitfact

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestMainBranch(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	repo := func(t *testing.T, commands ...[]string) string {
		t.Helper()
		dir := t.TempDir()
		for _, args := range append([][]string{{"init", "-q", "-b", "work"}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"}}, commands...) {
			cmd := exec.Command("git", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
		return dir
	}
	for _, tt := range []struct {
		name     string
		commands [][]string
		want, by string
	}{
		{"nothing says it", nil, "", ""},
		{"origin/HEAD", [][]string{
			{"update-ref", "refs/remotes/origin/trunk", "HEAD"}, {"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"}, {"branch", "main"},
		}, "trunk", "origin/HEAD"},
		{"init.defaultBranch", [][]string{{"config", "init.defaultBranch", "dev"}, {"branch", "dev"}, {"branch", "main"}}, "dev", "init.defaultBranch of git"},
		{"a default that is not there", [][]string{{"config", "init.defaultBranch", "dev"}, {"branch", "main"}}, "main", "the branch that is there"},
		{"main before master", [][]string{{"branch", "master"}, {"branch", "main"}}, "main", "the branch that is there"},
		{"master", [][]string{{"branch", "master"}}, "master", "the branch that is there"},
		{"at origin only", [][]string{{"update-ref", "refs/remotes/origin/master", "HEAD"}}, "master", "the branch that is there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			branch, by := Main(repo(t, tt.commands...))
			if branch != tt.want || by != tt.by {
				t.Errorf("%q by %q, want %q by %q", branch, by, tt.want, tt.by)
			}
		})
	}
	if branch, _ := Main(os.TempDir()); branch != "" {
		t.Errorf("without a repository: %q", branch)
	}
}
