//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The benchmarks run whole processes, orch and its peers in turn, so that a
// machine that slows down does so for all of them. scripts/bench.sh builds the
// peers and names them in the environment.
const (
	buildxEnv   = "ORCH_BENCH_BUILDX"
	buildctlEnv = "ORCH_BENCH_BUILDCTL"
)

// contender is one command of a comparison.
type contender struct {
	name string
	// before runs ahead of each run and is not counted.
	before func(b *testing.B)
	run    func(b *testing.B)
}

// compare runs the contenders in turn and reports the median of each in
// milliseconds, and the first one's share of each other's.
func compare(b *testing.B, contenders ...contender) {
	times := make([][]time.Duration, len(contenders))
	b.ResetTimer()
	for range b.N {
		for i, c := range contenders {
			if c.before != nil {
				c.before(b)
			}
			start := time.Now()
			c.run(b)
			times[i] = append(times[i], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op")
	first := median(times[0])
	for i, c := range contenders {
		m := median(times[i])
		b.ReportMetric(float64(m)/1e6, c.name+"-ms")
		if i > 0 {
			b.ReportMetric(float64(first)/float64(m), "of-"+c.name)
		}
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// process is a contender that runs one command in a folder.
func process(name, dir, path string, args ...string) contender {
	return contender{name: name, run: func(b *testing.B) {
		b.Helper()
		cmd := exec.Command(path, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state, "BUILDX_CONFIG="+filepath.Join(shared.state, "buildx"))
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s %v: %v\n%s", path, args, err, said.Bytes())
		}
	}}
}

func orch() string { return filepath.Join(shared.bin, "orch") }

// peer is the path of a peer's binary.
func peer(b *testing.B, env string) string {
	path := os.Getenv(env)
	if path == "" {
		b.Skipf("%s is not set: run scripts/bench.sh", env)
	}
	return path
}

// BenchmarkStartVersion starts orch as it is shipped.
func BenchmarkStartVersion(b *testing.B) {
	compare(b,
		process("orch", "", orch(), "version"),
		process("buildx", "", peer(b, buildxEnv), "version"),
		process("buildctl", "", peer(b, buildctlEnv), "--version"))
}

// BenchmarkStartList reads a definition too. "goenv" is the example's own, in
// which goenv("GOROOT") asks the Go command.
func BenchmarkStartList(b *testing.B) {
	dir := example(b)
	compare(b,
		process("orch", dir, orch(), "list", "targets", "-f", "docker-bake.hcl"),
		process("goenv", dir, orch(), "list", "targets"),
		process("list", dir, peer(b, buildxEnv), "bake", "--list=targets", "-f", "docker-bake.hcl"),
		process("buildx", dir, peer(b, buildxEnv), "version"),
		process("buildctl", dir, peer(b, buildctlEnv), "--version"))
}

// BenchmarkBakeUnchanged builds the example when nothing has changed.
func BenchmarkBakeUnchanged(b *testing.B) {
	ours, theirs := bakes(b)
	ours.run(b)
	theirs.run(b)
	compare(b, ours, theirs)
}

// BenchmarkBakeCold builds the example on a builder without any cache.
func BenchmarkBakeCold(b *testing.B) {
	ours, theirs := bakes(b)
	ours.run(b) // the builder runs
	prune := process("prune", "", orch(), "builder", "prune", "--all").run
	ours.before, theirs.before = prune, prune
	compare(b, ours, theirs)
}

// bakes are orch and bake, building the example on the same daemon.
func bakes(b *testing.B) (ours, theirs contender) {
	dir := example(b)
	buildx := peer(b, buildxEnv)
	process("start", dir, orch(), "builder", "start").run(b)
	socket := "unix://" + filepath.Join(shared.state, "builder.sock")
	create := process("create", dir, buildx, "create", "--name", "bench", "--driver", "remote", socket)
	if _, err := os.Stat(filepath.Join(shared.state, "buildx", "instances", "bench")); err != nil {
		create.run(b)
	}
	return process("orch", dir, orch(), "bake", "--progress", "plain"),
		process("bake", dir, buildx, "--builder", "bench", "bake", "-f", "docker-bake.hcl", "--allow", "fs=*", "--progress", "plain")
}

// example is a copy of examples/buildme, with a bake file that says the same.
func example(b *testing.B) string {
	dir := b.TempDir()
	if out, err := exec.Command("cp", "-r", "../examples/buildme/.", dir).CombinedOutput(); err != nil {
		b.Fatalf("copying the example: %v\n%s", err, out)
	}
	goroot := goEnv("GOROOT")
	bake := `group "default" { targets = ["client", "server"] }
target "_go" { contexts = { goroot = "` + goroot + `" } }
target "client" {
  inherits = ["_go"]
  target   = "client"
  tags     = ["buildme/client:latest"]
  output   = ["type=oci,dest=out/client.tar"]
}
target "server" {
  inherits = ["_go"]
  target   = "server"
  tags     = ["buildme/server:latest"]
  output   = ["type=oci,dest=out/server.tar"]
}
`
	if err := os.WriteFile(filepath.Join(dir, "docker-bake.hcl"), []byte(bake), 0o644); err != nil {
		b.Fatal(err)
	}
	return dir
}
