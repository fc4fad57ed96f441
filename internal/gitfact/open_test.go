package gitfact

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orch-build/orch/internal/need"
)

// TestExtensions reads repositories that sparse checkouts and partial clones have
// made, and worktrees of them.
func TestExtensions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		need.Missing(t, "git")
	}
	for _, settings := range [][][2]string{
		{{"extensions.worktreeConfig", "true"}},
		{{"core.repositoryformatversion", "1"}, {"extensions.partialClone", "origin"}},
		{{"core.repositoryformatversion", "1"}, {"extensions.preciousObjects", "true"}, {"extensions.worktreeConfig", "true"}},
	} {
		dir := t.TempDir()
		run := func(args ...string) {
			t.Helper()
			cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
		}
		run("init", "-q", "-b", "main")
		run("commit", "-q", "--allow-empty", "-m", "one")
		run("worktree", "add", "-q", "-b", "side", filepath.Join(dir, "side"))
		for _, setting := range settings {
			run("config", setting[0], setting[1])
		}
		if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		for at, want := range map[string]string{dir: "main", filepath.Join(dir, "sub"): "main", filepath.Join(dir, "side"): "side"} {
			if got := Branch(at); got != want {
				t.Errorf("%v: the branch in %s is %q, want %q", settings, at, got, want)
			}
			if sha, err := Read(at, "sha"); err != nil || len(sha.(string)) != 40 {
				t.Errorf("%v: the commit in %s is %v: %v", settings, at, sha, err)
			}
			if dirty, err := Read(at, "dirty"); err != nil || dirty != false {
				t.Errorf("%v: %s is dirty: %v, %v", settings, at, dirty, err)
			}
		}
	}
}
