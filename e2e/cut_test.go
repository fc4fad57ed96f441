//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestConnectionCutAnywhere cuts the connection to the builder at random
// moments: while contexts are sent, steps run, outputs come back. Each run is
// finished over another connection.
func TestConnectionCutAnywhere(t *testing.T) {
	t.Parallel()
	proxy := newBuilderProxy(t, builderSocket(t, shared.state))
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	for i := range rounds(t, 3, 20) {
		cmd := runOrch(dir, "bake", "--progress", "plain", "--builder", proxy.addr, "--var", fmt.Sprintf("NONCE=cuts%d-%d", i, os.Getpid()))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := rand.N(3 * time.Second)
		time.Sleep(after)
		proxy.cut()
		// What is cut before the first session begins is a builder that is not
		// there.
		if err := cmd.Wait(); err != nil && !strings.Contains(out.String(), "no BuildKit daemon") {
			t.Errorf("cut after %s: %v\n%s", after, err, out.String())
		}
		noLeftovers(t, dir)
	}
}

// TestBuilderSilent stops every byte to and from the builder in the middle of a
// step, as when a machine is gone. The run notices, and is finished over a new
// connection.
func TestBuilderSilent(t *testing.T) {
	t.Parallel()
	proxy := newBuilderProxy(t, builderSocket(t, shared.state))
	dir := project(t, map[string]string{"build.hcl": slowProject, "Dockerfile": slowDockerfile})
	cmd := runOrch(dir, "bake", "--progress", "plain", "--builder", proxy.addr, "--result", "result.json", "--var", fmt.Sprintf("NONCE=silent%d", os.Getpid()))
	cmd.Env = append(cmd.Env, "ORCH_BUILDER_TIMEOUT=7s")
	said := untilSaid(t, cmd, "started")
	begin := time.Now()
	proxy.hush()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%v\n%s", err, said())
		}
		t.Logf("finished after %s", time.Since(begin).Round(time.Second))
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("the run hangs:\n%s", said())
	}
	if r := readResult(t, filepath.Join(dir, "result.json")); r.State != "done" || r.Rounds != 2 {
		t.Errorf("the run is %s after %d rounds\n%s", r.State, r.Rounds, said())
	}
}

// TestRegistryHangs pulls from a registry that accepts a request and never
// answers it: that is given up, and tried again.
func TestRegistryHangs(t *testing.T) {
	t.Parallel()
	nonce := fmt.Sprintf("hang%d", os.Getpid())
	dir := project(t, map[string]string{
		"build.hcl": pushProject + `
target "user" {
  context = "user"
  args    = { BASE = "${REGISTRY}/fault-${NONCE}" }
  output  = ["out"]
}`,
		"Dockerfile":      pushDockerfile,
		"user/Dockerfile": "ARG BASE\nFROM $BASE\nRUN cp /file /copy\n",
	})
	if out, err := runOrch(dir, "bake", "--progress", "quiet", "--var", "REGISTRY="+shared.registry, "--var", "NONCE="+nonce).CombinedOutput(); err != nil {
		t.Fatalf("pushing: %v\n%s", err, out)
	}
	release := make(chan struct{})
	reg := newFaultRegistry(t)
	var hung atomic.Bool
	reg.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if !isBlobGet(r) || !hung.CompareAndSwap(false, true) {
			return false
		}
		<-release
		_, _ = io.WriteString(w, "late")
		return true
	}
	defer close(release)
	state, err := os.MkdirTemp("/tmp", "orch-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(state)
	defer func() { _ = runOn(state, dir, "builder", "stop", "--now").Run() }()
	begin := time.Now()
	cmd := runOn(state, dir, "bake", "user", "--progress", "plain", "--var", "REGISTRY="+reg.addr(), "--var", "NONCE="+nonce)
	cmd.Env = append(cmd.Env, "ORCH_REGISTRY_TIMEOUT=2s")
	out, err := cmd.CombinedOutput()
	if err != nil || !hung.Load() {
		t.Errorf("%v\n%s", err, out)
	}
	// It would be a minute otherwise.
	if took := time.Since(begin); took > 40*time.Second {
		t.Errorf("finished after %s", took)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "out", "copy")); err != nil || !strings.Contains(string(data), nonce) {
		t.Errorf("the result is %q, %v", data, err)
	}
}

// TestFewFailuresAmongMany builds many targets of which three fail: the end of
// the screen has all of them, and how to go on.
func TestFewFailuresAmongMany(t *testing.T) {
	t.Parallel()
	n := 40
	if os.Getenv("ORCH_STRESS") != "" {
		n = 200
	}
	dir := manyTargets(t, n, "contains([7, 21, 33], i)")
	out, err := runOrch(dir, "bake", "--progress", "plain", "--keep-going").CombinedOutput()
	if err == nil {
		t.Fatal("no target failed")
	}
	i := bytes.Index(out, []byte("\nTarget svc-"))
	if i < 0 {
		t.Fatalf("no failure is shown:\n%s", out)
	}
	end := string(out[i:])
	want := []string{fmt.Sprintf("3 targets failed, %d done", n-3), "To build what is left: orch bake --progress plain --keep-going --resume", "3 failures:"}
	for _, k := range []int{7, 21, 33} {
		want = append(want, fmt.Sprintf("Target svc-%d failed in stage build, at Dockerfile:6", k),
			fmt.Sprintf("  the cause of %d\n", k), fmt.Sprintf("  svc-%d in stage build, at Dockerfile:6: exit code 1\n", k))
	}
	for _, text := range want {
		if strings.Count(end, text) != 1 {
			t.Errorf("the end says %d times %q", strings.Count(end, text), text)
		}
	}
	if lines := strings.Count(end, "\n"); lines > 120 || strings.Contains(end, "\n#") {
		t.Errorf("%d lines, among them the progress:\n%s", lines, end)
	}
}
