//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSplit gives a script a builder of its own, which this orch has to start.
func cmdSplit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: split")
	}
	state, err := os.MkdirTemp("/tmp", "orch-split-")
	ts.Check(err)
	ts.Defer(func() {
		cmd := exec.Command(filepath.Join(shared.bin, "orch"), "builder", "stop", "--now")
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state)
		if out, err := cmd.CombinedOutput(); err != nil {
			ts.Logf("stopping the builder: %v\n%s", err, out)
		}
		os.RemoveAll(state)
	})
	ts.Setenv("ORCH_STATE_DIR", state)
}
