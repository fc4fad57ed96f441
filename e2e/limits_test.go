//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

const limitProject = `
target "default" {
  name              = "t${i}"
  matrix            = { i = range(12) }
  dockerfile-inline = "FROM scratch\nCOPY build.hcl /f${i}\n"
  output            = ["type=oci,dest=o${i}.tar"]
}
`

// limited is a command under a limit of the shell's ulimit.
func limited(cmd *exec.Cmd, limit string) *exec.Cmd {
	cmd.Args = append([]string{"sh", "-c", "ulimit " + limit + ` && exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	return cmd
}

// TestLimits runs orch, and its builder, with too few descriptors, and with
// files that may not grow: each limit is named, and nobody's files are blamed.
func TestLimits(t *testing.T) {
	t.Parallel()
	state, err := os.MkdirTemp("/tmp", "orch-limits-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopBuilder(state)
		os.RemoveAll(state)
	})
	dir := project(t, map[string]string{"build.hcl": limitProject})
	bake := func() *exec.Cmd { return runOn(state, dir, "bake", "--progress", "plain", "--no-cache") }
	fails := func(what string, cmd *exec.Cmd, says string) {
		t.Helper()
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(says)) || bytes.Contains(out, []byte("The fault is in what is built")) {
			t.Errorf("%s: %v, want %q\n%s", what, err, says, out)
		}
	}
	fails("a builder with few files", limited(bake(), "-n 24"), "limit of open files is reached (ulimit -n)")
	stopBuilder(state)
	if out, err := bake().CombinedOutput(); err != nil {
		t.Fatalf("without a limit: %v\n%s", err, out)
	}
	fails("few files", limited(bake(), "-n 10"), "limit of open files is reached (ulimit -n)")
	// 8 blocks of 512 or 1024 bytes.
	fails("small files", limited(bake(), "-f 8"), "limit of the size of a file is reached (ulimit -f)")
}
