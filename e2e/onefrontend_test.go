//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// daemonsEnv lists programs of BuildKit daemons, beside those that
// scripts/setup.sh and scripts/compat.sh have compiled into bin.
const daemonsEnv = "ORCH_E2E_DAEMONS"

// TestOnDaemons runs the scripts onefrontend and debug on every BuildKit daemon that is
// at hand, of whatever version.
func TestOnDaemons(t *testing.T) {
	t.Parallel()
	daemons, err := filepath.Glob("../bin/buildkitd-v*")
	if err != nil {
		t.Fatal(err)
	}
	if more := os.Getenv(daemonsEnv); more != "" {
		daemons = append(daemons, filepath.SplitList(more)...)
	}
	if os.Geteuid() != 0 {
		t.Skip("a BuildKit daemon runs as root")
	}
	if len(daemons) == 0 {
		need.Missing(t, "daemon of another BuildKit release")
	}
	for _, daemon := range daemons {
		t.Run(filepath.Base(daemon), func(t *testing.T) {
			runScriptsOn(t, startDaemon(t, daemon), "testdata/script/onefrontend.txt", "testdata/script/debug.txt")
		})
	}
}

// startDaemon starts a BuildKit daemon for the time of a test and returns its
// address.
func startDaemon(t *testing.T, program string) string {
	t.Helper()
	// The path of a socket must be short.
	dir, err := os.MkdirTemp("/tmp", "orch-daemon-")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	cmd := exec.Command(program, "--root", filepath.Join(dir, "root"), "--addr", "unix://"+socket)
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("the daemon said:\n%s", log.String()[max(0, log.Len()-4000):])
		}
	})
	for range 600 {
		if _, err := os.Stat(socket); err == nil {
			return "unix://" + socket
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s did not start:\n%s", program, log.String())
	return ""
}
