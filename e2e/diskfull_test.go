//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a disk of a few megabytes for a builder's state.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	dir, err := os.MkdirTemp("/tmp", "orch-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// runOn prepares a run on a builder with a state folder of its own.
func runOn(state, dir string, args ...string) *exec.Cmd {
	cmd := runOrch(dir, args...)
	cmd.Env = append(cmd.Env, "ORCH_STATE_DIR="+state)
	return cmd
}

// fill writes until a disk has nothing left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); len(piece) > 0; piece = piece[:len(piece)/2] {
		for err == nil {
			_, err = f.Write(piece)
		}
		err = nil
	}
}

const diskProject = `
variable "BUSYBOX" {}
target "_base" {
  contexts = { busybox = BUSYBOX }
}
target "fits" {
  inherits = ["_base"]
  target   = "fits"
  output   = ["out/fits"]
}
target "step" {
  inherits = ["_base"]
  target   = "step"
}
target "context" {
  context           = "large"
  dockerfile-inline = "FROM scratch\nCOPY file /\n"
}
target "layer" {
  name     = "layer-${i}"
  matrix   = { i = range(4) }
  inherits = ["_base"]
  target   = "layer"
  args     = { I = "${i}" }
  output   = ["type=oci,dest=out/layer-${i}.tar"]
}
`

const diskDockerfile = `FROM busybox AS fits
RUN echo fits >/fits
FROM busybox AS step
RUN dd if=/dev/urandom of=/large bs=1M count=120
FROM busybox AS layer
ARG I
RUN dd if=/dev/urandom of=/large bs=1M count=9
`

// TestBuilderDiskFull fills the disk under the builder in each of the ways in
// which a build does: the error names the disk and what to do, which works even
// if nothing at all is free, and the next run is good.
func TestBuilderDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "64m")
	state := filepath.Join(disk, "state")
	dir := project(t, map[string]string{"build.hcl": diskProject, "Dockerfile": diskDockerfile, "large/file": strings.Repeat("0123456789abcdef", 6<<20)})
	defer func() { _ = runOn(state, dir, "builder", "stop", "--now").Run() }()
	good := func(args ...string) {
		t.Helper()
		if out, err := runOn(state, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("orch %v: %v\n%s", args, err, out)
		}
	}
	good("bake", "--progress", "plain", "fits")
	for _, targets := range []string{"step", "context", "layer-*"} {
		result := filepath.Join(dir, "result.json")
		out, err := runOn(state, dir, "bake", "--progress", "plain", "--keep-going", "--result", result, targets).CombinedOutput()
		if err == nil {
			t.Fatalf("%s: it went well:\n%s", targets, out)
		}
		for _, want := range []string{"isk is full", "The fault is not in what is built", state, "orch builder prune", "ORCH_STATE_DIR"} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("%s: nothing says %q:\n%s", targets, want, out)
			}
		}
		for _, tr := range readResult(t, result).Targets {
			if tr.State == "failed" && len(tr.Attempts) != 1 {
				t.Errorf("%s was tried %d times", tr.Name, len(tr.Attempts))
			}
		}
		noLeftovers(t, filepath.Join(dir, "out"))
		ballast := filepath.Join(disk, "ballast")
		fill(t, ballast)
		good("builder", "prune")
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		good("bake", "--progress", "plain", "fits")
		if data, err := os.ReadFile(filepath.Join(dir, "out/fits/fits")); err != nil || string(data) != "fits\n" {
			t.Errorf("after %s the output is %q, %v", targets, data, err)
		}
	}
	orphansEnd(t, state)
}

// orphansEnd waits until nothing is left of steps that do not run any more: no
// container, no mount, no folder of one.
func orphansEnd(t *testing.T, state string) {
	t.Helper()
	var left []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if left = orphans(t, filepath.Join(state, "builder")); len(left) == 0 {
			return
		}
	}
	t.Errorf("left behind: %s", strings.Join(left, ", "))
}

// orphans lists the mounts, the folders and the containers of steps.
func orphans(t *testing.T, root string) []string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for line := range strings.Lines(string(mounts)) {
		// What is mounted there, and what is mounted elsewhere of what is there.
		if fields := strings.Fields(line); len(fields) > 1 && strings.Contains(line, root+"/") {
			left = append(left, "mount "+fields[1])
		}
	}
	folders, err := filepath.Glob(filepath.Join(root, "root", "*", "executor", "*", "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	left = append(left, folders...)
	states, err := filepath.Glob("/run/runc/*/state.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range states {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(root+"/")) {
			left = append(left, "container "+path)
		}
	}
	return left
}
