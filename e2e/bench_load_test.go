//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The sizes of the load and the file that rows of the table are added to.
const (
	sizesEnv = "ORCH_BENCH_SIZES" // such as "1,10,50"
	tableEnv = "ORCH_BENCH_TABLE"
)

// sample is what one whole run cost.
type sample struct {
	wall      time.Duration
	clientCPU time.Duration
	clientRSS int64 // bytes at the peak
	daemonCPU time.Duration
	steps     int // RUN steps that were carried out
	requests  int64
	up, down  int64 // bytes
}

// scene is one situation that the load is built in.
type scene struct {
	name  string
	env   []string
	delay time.Duration // added to each request to the registry
	// before brings the project and the builder into the situation, for one
	// contender; it is not counted.
	before func(b *testing.B, r *rig, who runner, round int)
}

// runner is orch or the peer.
type runner struct {
	name string
	args []string
}

// rig is what the runs of one size share.
type rig struct {
	load  *load
	meter *meter
	pid   int
	who   []runner
}

func newRig(b *testing.B, n int) *rig {
	buildx := peer(b, buildxEnv)
	r := &rig{load: newLoad(b, n), meter: newMeter(b)}
	ours := []string{orch(), "bake", "--progress", "plain", "-j", "16"}
	theirs := []string{buildx, "--builder", "bench", "bake", "-f", "docker-bake.hcl", "--allow", "fs=*", "--progress", "plain"}
	r.who = []runner{{"orch", ours}, {"bake", theirs}}
	process("start", r.load.dir, orch(), "builder", "start").run(b)
	if _, err := os.Stat(filepath.Join(shared.state, "buildx", "instances", "bench")); err != nil {
		process("create", r.load.dir, buildx, "create", "--name", "bench", "--driver", "remote", "unix://"+filepath.Join(shared.state, "builder.sock")).run(b)
	}
	r.pid = builderPID(b)
	return r
}

// builderPID is the process of the embedded builder.
func builderPID(b *testing.B) int {
	cmd := exec.Command(orch(), "builder", "status", "--json")
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state)
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("asking for the builder's state: %v", err)
	}
	var status struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(out, &status); err != nil || status.PID == 0 {
		b.Fatalf("no process in %s (%v)", out, err)
	}
	return status.PID
}

// prune empties the builder's cache.
func (r *rig) prune(b *testing.B) {
	process("prune", r.load.dir, orch(), "builder", "prune", "--all").run(b)
}

// run runs one contender once.
func (r *rig) run(b *testing.B, who runner, env []string) sample {
	b.Helper()
	r.meter.take()
	cmd := exec.Command(who.args[0], who.args[1:]...)
	cmd.Dir = r.load.dir
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state, "BUILDX_CONFIG="+filepath.Join(shared.state, "buildx"), "REGISTRY="+r.meter.host)
	cmd.Env = append(cmd.Env, env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cpu := processCPU(b, r.pid)
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start), daemonCPU: processCPU(b, r.pid) - cpu}
	if err != nil {
		b.Fatalf("%v: %v\n%s", who.args, err, tail(said.String(), 4000))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	s.clientCPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.clientRSS = usage.Maxrss << 10
	s.steps = strings.Count(said.String(), " "+ran)
	s.requests, s.up, s.down = r.meter.take()
	return s
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// processCPU is the time that a process has used so far, without its children.
func processCPU(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// The name of the process, in parentheses, may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

var scenes = []scene{
	{name: "cold", before: func(b *testing.B, r *rig, _ runner, _ int) { r.prune(b) }},
	{name: "unchanged", before: func(b *testing.B, r *rig, who runner, round int) {
		if round == 0 {
			r.run(b, who, nil)
		}
	}},
	{name: "leaf changed", before: func(b *testing.B, r *rig, who runner, round int) {
		r.run(b, who, nil)
		r.load.write(b, "svc-0/0.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
	}},
	{name: "base changed", before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
	}},
	{name: "cache written", env: []string{"WRITE=true"}, before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
		r.run(b, who, nil)
	}},
	{name: "cache written again", env: []string{"WRITE=true"}, before: func(b *testing.B, r *rig, who runner, _ int) {
		r.run(b, who, []string{"WRITE=true"})
	}},
	{name: "empty builder, cache read", env: []string{"READ=true"}, before: readBefore},
	{name: "empty builder, cache read, 30 ms away", env: []string{"READ=true"}, delay: 30 * time.Millisecond, before: readBefore},
	{name: "images pushed", env: []string{"PUSH=true"}, before: func(b *testing.B, r *rig, who runner, round int) {
		r.load.write(b, "base.txt", fmt.Sprintf("%s in round %d at %d\n", who.name, round, time.Now().UnixNano()))
		r.run(b, who, nil)
	}},
}

// readBefore fills the registry with the contender's cache and empties the
// builder.
func readBefore(b *testing.B, r *rig, who runner, round int) {
	if round == 0 {
		r.run(b, who, []string{"WRITE=true"})
	}
	r.prune(b)
}

// BenchmarkLoad runs orch and the peer in turn over the load, in each
// situation and size.
func BenchmarkLoad(b *testing.B) {
	for _, field := range strings.Split(sizes(), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			b.Fatalf("%s: %v", sizesEnv, err)
		}
		for _, s := range scenes {
			b.Run(fmt.Sprintf("%s/N=%d", strings.ReplaceAll(s.name, " ", "-"), n), func(b *testing.B) {
				s.compare(b, newRig(b, n))
			})
		}
	}
}

func sizes() string {
	if s := os.Getenv(sizesEnv); s != "" {
		return s
	}
	return "10"
}

// compare runs the contenders in turn and reports their medians.
func (s scene) compare(b *testing.B, r *rig) {
	samples := make([][]sample, len(r.who))
	for round := range b.N {
		for i, who := range r.who {
			r.meter.delay.Store(0)
			s.before(b, r, who, round)
			r.meter.delay.Store(int64(s.delay))
			samples[i] = append(samples[i], r.run(b, who, s.env))
		}
	}
	ours, theirs := summary(samples[0]), summary(samples[1])
	b.ReportMetric(0, "ns/op")
	for i, m := range []sample{ours, theirs} {
		name := r.who[i].name
		b.ReportMetric(float64(m.wall.Milliseconds()), name+"-ms")
		b.ReportMetric(float64(m.clientCPU.Milliseconds()), name+"-client-cpu-ms")
		b.ReportMetric(float64(m.daemonCPU.Milliseconds()), name+"-daemon-cpu-ms")
		b.ReportMetric(float64(m.clientRSS>>20), name+"-client-MiB")
		b.ReportMetric(float64(m.steps), name+"-steps")
		b.ReportMetric(float64(m.requests), name+"-requests")
		b.ReportMetric(float64(m.up>>10), name+"-KiB-up")
		b.ReportMetric(float64(m.down>>10), name+"-KiB-down")
	}
	b.ReportMetric(float64(ours.wall)/float64(theirs.wall), "of-bake")
	addRow(b, s.name, r.load.n, len(samples[0]), ours, theirs)
}

// summary is the median of each figure.
func summary(samples []sample) sample {
	return sample{
		wall:      middle(samples, func(s sample) time.Duration { return s.wall }),
		clientCPU: middle(samples, func(s sample) time.Duration { return s.clientCPU }),
		daemonCPU: middle(samples, func(s sample) time.Duration { return s.daemonCPU }),
		clientRSS: middle(samples, func(s sample) int64 { return s.clientRSS }),
		steps:     middle(samples, func(s sample) int { return s.steps }),
		requests:  middle(samples, func(s sample) int64 { return s.requests }),
		up:        middle(samples, func(s sample) int64 { return s.up }),
		down:      middle(samples, func(s sample) int64 { return s.down }),
	}
}

func middle[T int | int64 | time.Duration](samples []sample, of func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// addRow adds a row to the table in Markdown, if one is asked for. Go runs a
// benchmark with a single round ahead of the counted ones, which makes no row.
func addRow(b *testing.B, name string, n, rounds int, ours, theirs sample) {
	path := os.Getenv(tableEnv)
	if path == "" || rounds == 1 && flag.Lookup("test.benchtime").Value.String() != "1x" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "| %s | %d | %d | %.2f | %.2f | %.2f | %d / %d | %d / %d | %d / %d | %.1f / %.1f | %.1f / %.1f | %d / %d |\n",
		name, n, rounds, ours.wall.Seconds(), theirs.wall.Seconds(), float64(ours.wall)/float64(theirs.wall),
		ours.steps, theirs.steps, ours.requests, theirs.requests, (ours.up+ours.down)>>10, (theirs.up+theirs.down)>>10,
		ours.clientCPU.Seconds(), theirs.clientCPU.Seconds(), ours.daemonCPU.Seconds(), theirs.daemonCPU.Seconds(),
		ours.clientRSS>>20, theirs.clientRSS>>20)
}
