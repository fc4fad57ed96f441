//go:build unix

package planner

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/config"
)

// TestDockerfileThatIsNoFile demands that nothing is read that may never end.
func TestDockerfileThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "pipe"): "not a regular file",
		filepath.Join(dir, "loop"): "too many levels of symbolic links",
		"/dev/zero":                "not a regular file",
		dir:                        "is a directory",
	} {
		cfg := &config.Config{Targets: []*config.Target{{Name: "a", Dockerfile: name, Context: config.Context{Value: dir}}}}
		_, diags := New(cfg, Options{})
		if !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: says %v, want %q", name, diags, want)
		}
	}
}
