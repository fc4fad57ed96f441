//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rounds is how often a test of chance is repeated: few times by default, and
// as often as ORCH_STRESS says under "make stress", but not more than most.
func rounds(t *testing.T, few, most int) int {
	text := os.Getenv("ORCH_STRESS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ORCH_STRESS=%s is not a number", text)
	}
	return min(n, most)
}

// manyTargets is a project of n targets, svc-0 and so on, that share a stage.
// Those for whose number i the condition bad holds fail.
func manyTargets(t *testing.T, n int, bad string) string {
	return project(t, map[string]string{
		"build.hcl": fmt.Sprintf(`
variable "BUSYBOX" {}
target "default" {
  name     = "svc-${i}"
  matrix   = { i = range(%d) }
  contexts = { busybox = BUSYBOX }
  args     = { I = "${i}", BAD = %s ? "1" : "0" }
}`, n, bad),
		"Dockerfile": "FROM busybox AS base\nRUN echo base\nFROM base AS build\nARG I\nARG BAD\nRUN seq 1 25; echo the cause of $I; exit $BAD\n",
	})
}

// stepsRunning counts the containers that the builder runs.
func stepsRunning(t *testing.T) int {
	out, err := exec.Command("pgrep", "-f", filepath.Join(shared.state, "builder")+".* run --bundle").Output()
	if err != nil {
		return 0 // pgrep ends with 1 if it finds none
	}
	return len(strings.Fields(string(out)))
}

// stepsEnd waits until no container runs any more.
func stepsEnd(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); stepsRunning(t) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%d containers still run", stepsRunning(t))
			return
		}
	}
}

// TestInterruptedAnywhere ends a run at random moments: it is out soon, leaves
// no container and nothing half made, and the next run works.
func TestInterruptedAnywhere(t *testing.T) {
	builderSocket(t, shared.state)
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	for i := range rounds(t, 4, 50) {
		cmd := runOrch(dir, "bake", "--progress", "plain", "--var", fmt.Sprintf("NONCE=int%d-%d", i, os.Getpid()))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := rand.N(3 * time.Second)
		time.Sleep(after)
		signal := []os.Signal{os.Interrupt, syscall.SIGTERM}[i%2]
		begin := time.Now()
		_ = cmd.Process.Signal(signal)
		_ = cmd.Wait()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("after %s: out %s after %s", after, took, signal)
		}
		if code := cmd.ProcessState.ExitCode(); code != 0 && code != 130 && code != -1 {
			t.Errorf("after %s: exit code %d\n%s", after, code, out.String())
		}
		switch done := strings.Contains(out.String(), "RESULT"); {
		case cmd.ProcessState.ExitCode() == 130 && (done || !strings.Contains(strings.ToLower(out.String()), "interrupted")):
			t.Errorf("after %s: exit code 130, but it does not look interrupted\n%s", after, out.String())
		case cmd.ProcessState.ExitCode() == 0 && !done:
			t.Errorf("after %s: exit code 0, but nothing says that it is done\n%s", after, out.String())
		}
		noLeftovers(t, dir)
		stepsEnd(t)
	}
	orphansEnd(t, shared.state)
	if out, err := runOrch(dir, "bake", "--progress", "plain", "--var", "NONCE=after").CombinedOutput(); err != nil {
		t.Errorf("the next run: %v\n%s", err, out)
	}
}

// TestBuilderKilledAnywhere kills the builder at random moments: the run is
// finished on the next one, or ends with a clear error.
func TestBuilderKilledAnywhere(t *testing.T) {
	builderSocket(t, shared.state)
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	finished := 0
	n := rounds(t, 2, 20)
	for i := range n {
		builderSocket(t, shared.state)
		cmd := runOrch(dir, "bake", "--progress", "plain", "--var", fmt.Sprintf("NONCE=dead%d-%d", i, os.Getpid()))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := rand.N(3 * time.Second)
		time.Sleep(after)
		killBuilder(t)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err == nil {
				finished++
			} else if !strings.Contains(out.String(), "builder") || strings.Contains(out.String(), "goroutine ") {
				t.Errorf("killed after %s: no clear error:\n%s", after, out.String())
			}
		case <-time.After(2 * time.Minute):
			_ = cmd.Process.Kill()
			t.Fatalf("killed after %s: the run hangs:\n%s", after, out.String())
		}
		noLeftovers(t, dir)
	}
	t.Logf("%d of %d runs were finished on another builder", finished, n)
	if out, err := runOrch(dir, "bake", "--progress", "plain", "--var", "NONCE=after").CombinedOutput(); err != nil {
		t.Errorf("the next run: %v\n%s", err, out)
	}
	orphansEnd(t, shared.state)
}

// TestThousandTargets builds a thousand targets of which every twentieth fails.
func TestThousandTargets(t *testing.T) {
	t.Parallel()
	n := 100
	if os.Getenv("ORCH_STRESS") != "" {
		n = 1000
	}
	dir := manyTargets(t, n, "i % 20 == 0")
	out, err := runOrch(dir, "bake", "--progress", "quiet", "--keep-going", "--result", "result.json").CombinedOutput()
	if err == nil {
		t.Fatal("no target failed")
	}
	r := readResult(t, filepath.Join(dir, "result.json"))
	if len(r.Targets) != n {
		t.Fatalf("%d targets, want %d", len(r.Targets), n)
	}
	for _, tr := range r.Targets {
		i, err := strconv.Atoi(strings.TrimPrefix(tr.Name, "svc-"))
		want := "done"
		if i%20 == 0 {
			want = "failed"
		}
		if err != nil || tr.State != want {
			t.Errorf("%s is %s, want %s", tr.Name, tr.State, want)
		}
	}
	if want := fmt.Sprintf("%d targets failed, %d done", n/20, n-n/20); !bytes.Contains(out, []byte(want)) {
		t.Errorf("the end does not say %q:\n%s", want, out[max(0, len(out)-2000):])
	}
}

// TestOutputDiskFull writes an output to a disk that is too small: a clear
// error that names that disk, the old output as it was, and nothing half made.
func TestOutputDiskFull(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile + "RUN dd if=/dev/urandom of=/f bs=1M count=1\nFROM scratch AS large\nCOPY --from=two /f /\n"})
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("mounting a small disk: %v", err)
	}
	defer func() { _ = syscall.Unmount(small, 0) }()
	old := filepath.Join(small, "one.tar")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{
		"output=type=oci,dest=small/one.tar", "output=type=docker,dest=small/one.tar", "output=type=tar,dest=small/one.tar",
		"output=type=local,dest=small/one", "output=type=local,dest=small", "output=type=oci,dest=small/layout,tar=false",
		"cache-to=type=local,dest=small/cache,mode=max",
	} {
		out, err := runOrch(dir, "bake", "one", "--progress", "plain", "--var", "NONCE=full", "--set", "one.target=large", "--set", "one."+set).CombinedOutput()
		// What was there of images and of a cache is used by the next run, which mends it.
		for _, name := range []string{"layout", "cache"} {
			if err := os.RemoveAll(filepath.Join(small, name)); err != nil {
				t.Fatal(err)
			}
		}
		cache := strings.HasPrefix(set, "cache-to")
		if (err == nil) != cache || !cache && !bytes.Contains(out, []byte("A disk is full")) ||
			!bytes.Contains(out, []byte("no space left on device (the disk of ")) || !bytes.Contains(out, []byte("of 262.1kB free)")) ||
			bytes.Contains(out, []byte("builder prune")) {
			t.Errorf("%s: %v\n%s", set, err, out)
		}
	}
	if data, err := os.ReadFile(old); err != nil || string(data) != "old" {
		t.Errorf("the old output is %q, %v", data, err)
	}
	noLeftovers(t, small)
}
