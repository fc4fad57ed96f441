//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// splitOrch builds orch as it is shipped, once, and returns its folder.
var splitOrch = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(shared.bin), "split")
	cmd := exec.Command("go", "run", "./scripts/build", "-o", filepath.Join(dir, "orch"), "-version", "v0.0.1-split")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the split orch: %w\n%s", err, out)
	}
	return dir, nil
})

// cmdSplit puts orch as it is shipped, two programs in one file, first on the
// script's PATH, with a builder of its own.
func cmdSplit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: split")
	}
	dir, err := splitOrch()
	ts.Check(err)
	state, err := os.MkdirTemp("/tmp", "orch-split-")
	ts.Check(err)
	ts.Defer(func() {
		cmd := exec.Command(filepath.Join(dir, "orch"), "builder", "stop", "--now")
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state)
		if out, err := cmd.CombinedOutput(); err != nil {
			ts.Logf("stopping the builder: %v\n%s", err, out)
		}
		os.RemoveAll(state)
	})
	ts.Setenv("PATH", dir+string(os.PathListSeparator)+ts.Getenv("PATH"))
	ts.Setenv("ORCH_STATE_DIR", state)
}
