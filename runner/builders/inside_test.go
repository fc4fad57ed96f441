package builders

import (
	"os"
	"path/filepath"
	"testing"
)

// TestProjectPathInside takes no file for that of a project which a link leads to,
// out of the project.
func TestProjectPathInside(t *testing.T) {
	root := t.TempDir()
	project := filepath.Join(root, "project")
	for _, dir := range []string{"project/.git", "project/sub", "outside"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"project/real.hcl", "outside/builders.hcl"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(project, "builders.hcl")
	for to, want := range map[string]string{"real.hcl": path, "../outside/builders.hcl": ""} {
		if err := os.Symlink(to, path); err != nil {
			t.Skip(err)
		}
		if got := ProjectPath(filepath.Join(project, "sub")); got != want {
			t.Errorf("with a link to %s it is %q, want %q", to, got, want)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
