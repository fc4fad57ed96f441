//go:build linux

package e2e

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A builder that answers when orch looks for it, and has ended when orch dials
// it to build, is started once more.
func TestBuilderEndsWhenFound(t *testing.T) {
	run := func(state string, args ...string) string {
		t.Helper()
		cmd := exec.Command(orch(), args...)
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("orch %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run(shared.state, "builder", "start")
	state, err := os.MkdirTemp("/tmp", "orch-ends-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(state)
	socket := filepath.Join(state, "builder.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		forwardOne(l, filepath.Join(shared.state, "builder.sock"))
	}()
	run(state, "builder", "du")
	<-ended
	run(state, "builder", "stop")
}

// forwardOne forwards the first connection, and ends with the second.
func forwardOne(l net.Listener, to string) {
	defer l.Close()
	in, err := l.Accept()
	if err != nil {
		return
	}
	defer in.Close()
	out, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() { _, _ = io.Copy(out, in) }()
	go func() { _, _ = io.Copy(in, out) }()
	if second, err := l.Accept(); err == nil {
		second.Close()
	}
}
