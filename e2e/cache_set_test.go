//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestCacheOfASet reads the cache of a cache block on empty builders. The
// targets copy files onto a base that they share, which the builder finds in a
// cache of its own for each only for the first of them.
func TestCacheOfASet(t *testing.T) {
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
	bake := func(state string, args ...string) string {
		t.Helper()
		cmd := exec.Command(orch(), append([]string{"bake", "--progress", "plain", "--cache-lane", "main"}, args...)...)
		cmd.Dir = l.dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+state, "REGISTRY="+m.host, "ORCH_CACHE_MAIN=main")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "Warning: cache") {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	warm := lt.state()
	bake(warm)
	m.take()
	if out := bake(lt.state(), "--set", "*.cache.when=never"); strings.Contains(out, " "+ran) {
		t.Errorf("an empty builder ran a step:\n%s", out)
	}
	if n, _, _ := m.take(); n > 10 {
		t.Errorf("reading took %d requests", n)
	}
	// One target alone has a cache of its own.
	if out := bake(lt.state(), "svc-3", "--set", "*.cache.when=never"); strings.Contains(out, " "+ran) {
		t.Errorf("an empty builder ran a step for one target:\n%s", out)
	}
	// What a run of others writes takes nothing away.
	bake(warm, "svc-1", "svc-2")
	if out := bake(lt.state(), "--set", "*.cache.when=never"); strings.Contains(out, " "+ran) {
		t.Errorf("a run of others took something away:\n%s", out)
	}
	// The parts are not written again where nothing has changed.
	m.take()
	bake(warm)
	if n, up, _ := m.take(); n > 80 || up > 64<<10 {
		t.Errorf("an unchanged run made %d requests and sent %d bytes", n, up)
	}
}

// TestCacheForEach reads a cache for each target, as bake files have it.
func TestCacheForEach(t *testing.T) {
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
