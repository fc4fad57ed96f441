//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestCacheOfALane writes and reads the cache of a cache block on builders of
// many kinds of runs. The targets copy files onto a base that they share, which
// the builder would find in a cache of its own for each only for the first.
func TestCacheOfALane(t *testing.T) {
	t.Parallel()
	l, m := newLoad(t, 8), newMeter(t)
	l.write(t, "build.hcl", fmt.Sprintf(`variable "REGISTRY" { default = "" }
cache {
  type = "registry"
  ref  = "${REGISTRY}/set%d/cache"
}
group "default" { targets = ["svc"] }
target "svc" {
  matrix   = { i = range(0, 8) }
  name     = "svc-${i}"
  target   = "svc-${i}"
  contexts = { busybox = %q }
  output   = ["type=cacheonly"]
}
`, os.Getpid(), shared.busybox))
	lt := &laneTest{t: t, dir: l.dir}
	command := func(state string, args ...string) *exec.Cmd {
		cmd := exec.Command(orch(), append([]string{"bake", "--progress", "plain", "--cache-lane", "main"}, args...)...)
		cmd.Dir = l.dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, "REGISTRY="+m.host, "ORCH_CACHE_MAIN=main")
		return cmd
	}
	bake := func(state string, args ...string) string {
		t.Helper()
		out, err := command(state, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning: cache") {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	cached := func(after string, targets ...string) {
		t.Helper()
		m.take()
		if out := bake(lt.state(), append(targets, "--set", "*.cache.when=never")...); strings.Contains(out, " "+ran) {
			t.Errorf("after %s, an empty builder ran a step for %v:\n%s", after, targets, out)
		}
		if n, _, _ := m.take(); n > 10 && len(targets) == 0 {
			t.Errorf("after %s, reading took %d requests", after, n)
		}
	}
	warm := lt.state()
	bake(warm)
	cached("a run of all")
	cached("a run of all", "svc-3")
	bake(warm, "svc-1", "svc-2")
	cached("a run of others")
	m.take()
	bake(warm)
	// The builder lists equal steps in another order each time, and sends that.
	if n, up, _ := m.take(); n > 60 || up > 64<<10 {
		t.Errorf("an unchanged run made %d requests and sent %d bytes", n, up)
	}

	// Jobs on machines of their own, at once, with something new for all.
	l.write(t, "base.txt", "another base\n")
	var jobs []*exec.Cmd
	for _, targets := range [][]string{{"svc-0"}, {"svc-1"}, {"svc-2"}, {"svc-3", "svc-4", "svc-5", "svc-6", "svc-7"}} {
		jobs = append(jobs, command(lt.state(), targets...))
	}
	lt.atOnce(jobs...)
	cached("jobs at once")
	cached("jobs at once", "svc-1", "svc-7")
}

// TestCacheForEach reads a cache for each target, as bake files have it.
func TestCacheForEach(t *testing.T) {
	t.Parallel()
	l, m := newLoad(t, 6), newMeter(t)
	lt := &laneTest{t: t, dir: l.dir}
	bake := func(state, variable string) string {
		t.Helper()
		cmd := exec.Command(orch(), "bake", "--progress", "plain", "-f", "docker-bake.hcl")
		cmd.Dir = l.dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, variable, fmt.Sprintf("REGISTRY=%s/each%d", m.host, os.Getpid()))
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning: cache") {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	bake(lt.state(), "WRITE=true")
	if out := bake(lt.state(), "READ=true"); strings.Contains(out, " "+ran) {
		t.Errorf("an empty builder ran a step:\n%s", out)
	}
}
