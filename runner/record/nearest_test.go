package record

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNearest finds the runs of a project from below, and not those of what is above
// its repository.
func TestNearest(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(root, "state")
	for _, dir := range []string{"outer/repo/.git", "outer/repo/app/deep", "outer/other/.git"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, project := range []string{"outer", "outer/repo/app"} {
		if err := os.MkdirAll(filepath.Join(ProjectStore(state, filepath.Join(root, project)).Dir(), "run"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// What is kept of times is no run.
	below := ProjectStore(state, filepath.Join(root, "outer/repo/app/deep")).Dir()
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(below, "times.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		if name == "ORCH_STATE_DIR" {
			return state
		}
		return ""
	}
	for from, want := range map[string]string{
		"outer/repo/app/deep": "outer/repo/app", "outer/repo/app": "outer/repo/app", "outer/repo": "outer/repo", "outer/other": "outer/other", "outer": "outer",
	} {
		t.Chdir(filepath.Join(root, from))
		if _, dir, err := Nearest(getenv); err != nil || dir != filepath.Join(root, want) {
			t.Errorf("%s: %s, %v, want %s", from, dir, err, want)
		}
	}
}
