package permission

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRealPath(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wd := filepath.Join(root, "wd")
	if err := os.MkdirAll(filepath.Join(root, "outside", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(wd, 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"out": "../outside", "deep": "../outside/deep", "new": "../outside/made", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(wd, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(wd)
	for path, want := range map[string]string{
		".":           "wd",
		"x/../y":      "wd/y",
		"out/x":       "outside/x",
		"deep/../x":   "outside/x",
		"new":         "outside/made",
		"new/x":       "outside/made/x",
		"../outside/": "outside",
	} {
		if got, err := RealPath(path); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s leads to %s, %v; want %s", path, got, err, want)
		}
	}
	if got, err := RealPath("loop"); err == nil {
		t.Errorf("a loop leads to %s", got)
	}
}
