//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
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

// What BenchmarkLoad runs: the sizes of the load, the situations by their short
// names (all, if none are named), how often, and the file that the rows of the
// table are merged into.
const (
	sizesEnv      = "ORCH_BENCH_SIZES"      // such as "1,10,50"
	situationsEnv = "ORCH_BENCH_SITUATIONS" // such as "cold,read"
	roundsEnv     = "ORCH_BENCH_ROUNDS"
	tableEnv      = "ORCH_BENCH_TABLE"
	limitEnv      = "ORCH_BENCH_LIMIT" // the longest run of bake, such as "10m"
)

// sample is what one whole run cost.
type sample struct {
	wall      time.Duration
	clientCPU time.Duration
	clientRSS int64 // bytes at the peak
	daemonCPU time.Duration
	steps     int // RUN steps that ran
	requests  int64
	up, down  int64 // bytes
	over      bool  // the run was ended after wall, as that is the limit
}

// peerName is what bake is called in the figures.
const peerName = "bake"

// runner is orch, bake, or the builder by itself: one definition of the
// union of all targets, which is as fast as BuildKit can be.
type runner struct {
	name string
	args []string
	env  []string
}

// rig is what the runs of one size share.
type rig struct {
	load  *load
	meter *meter
	pid   int
	who   []runner
	limit time.Duration // of bake's runs; 0 is none
	over  bool          // bake has come to it
}

func newRig(b *testing.B, n int) *rig {
	buildx := peer(b, buildxEnv)
	r := &rig{load: newLoad(b, n), meter: newMeter(b)}
	if s := os.Getenv(limitEnv); s != "" {
		var err error
		if r.limit, err = time.ParseDuration(s); err != nil {
			b.Fatalf("%s: %v", limitEnv, err)
		}
	}
	ours := []string{orch(), "bake", "--progress", "plain", "-j", "16"}
	theirs := []string{buildx, "--builder", "bench", "bake", "-f", "docker-bake.hcl", "--allow", "fs=*", "--progress", "plain"}
	r.who = []runner{{name: "orch", args: ours}, {name: peerName, args: theirs}, rawRunner(r.load)}
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
	ctx, cancel := r.limited(who)
	defer cancel()
	cmd := exec.CommandContext(ctx, who.args[0], who.args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Dir = r.load.dir
	cmd.Env = append(os.Environ(), "ORCH_STATE_DIR="+shared.state, "BUILDX_CONFIG="+filepath.Join(shared.state, "buildx"), "REGISTRY="+r.meter.host)
	cmd.Env = append(append(cmd.Env, who.env...), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cpu := processCPU(b, r.pid)
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start), daemonCPU: processCPU(b, r.pid) - cpu}
	if ctx.Err() != nil {
		r.over = true
		return sample{wall: r.limit, over: true}
	}
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

// limited is the context of a run: bake's may take no longer than the
// limit. Where it did so once, it is not run again.
func (r *rig) limited(who runner) (context.Context, context.CancelFunc) {
	if who.name != peerName || r.limit == 0 {
		return context.WithCancel(context.Background())
	}
	if r.over {
		return context.WithTimeout(context.Background(), 0)
	}
	return context.WithTimeout(context.Background(), r.limit)
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

// BenchmarkLoad runs orch, bake and the bare builder in turn over the load,
// in each situation and size. It takes care of the rounds itself, because Go
// runs a benchmark with a single round ahead of the counted ones.
func BenchmarkLoad(b *testing.B) {
	chosen := chosenScenes(b)
	for field := range strings.SplitSeq(orDefault(sizesEnv, "10"), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			b.Fatalf("%s: %v", sizesEnv, err)
		}
		for _, s := range chosen {
			b.Run(fmt.Sprintf("%s/N=%d", s.short, n), func(b *testing.B) {
				if b.N > 1 {
					b.Fatalf("-benchtime must be 1x; %s says how often", roundsEnv)
				}
				s.compare(b, newRig(b, n))
			})
		}
	}
}

func orDefault(name, fallback string) string {
	if s := os.Getenv(name); s != "" {
		return s
	}
	return fallback
}

// compare runs the contenders in turn and reports their medians.
func (s scene) compare(b *testing.B, r *rig) {
	rounds, err := strconv.Atoi(orDefault(roundsEnv, "5"))
	if err != nil || rounds < 1 {
		b.Fatalf("%s: %q is not a number of rounds", roundsEnv, os.Getenv(roundsEnv))
	}
	samples := make([][]sample, len(r.who))
	for round := range rounds {
		for i, who := range r.who {
			if who.name == rawName && s.noRaw {
				continue
			}
			r.meter.delay.Store(0)
			s.before(b, r, who, round)
			r.meter.delay.Store(int64(s.delay))
			samples[i] = append(samples[i], r.run(b, who, s.env))
		}
	}
	b.ReportMetric(0, "ns/op")
	medians := make([]*sample, len(r.who))
	for i, who := range r.who {
		if len(samples[i]) == 0 {
			continue
		}
		m := summary(samples[i])
		medians[i] = &m
		b.ReportMetric(float64(m.wall.Milliseconds()), who.name+"-ms")
		b.ReportMetric(float64(m.clientCPU.Milliseconds()), who.name+"-client-cpu-ms")
		b.ReportMetric(float64(m.daemonCPU.Milliseconds()), who.name+"-daemon-cpu-ms")
		b.ReportMetric(float64(m.clientRSS>>20), who.name+"-client-MiB")
		b.ReportMetric(float64(m.steps), who.name+"-steps")
		b.ReportMetric(float64(m.requests), who.name+"-requests")
		b.ReportMetric(float64(m.up>>10), who.name+"-KiB-up")
		b.ReportMetric(float64(m.down>>10), who.name+"-KiB-down")
	}
	b.ReportMetric(float64(medians[0].wall)/float64(medians[1].wall), "of-bake")
	addRow(b, tableRow{n: r.load.n, situation: s.name, cells: cells(rounds, medians[0], medians[1], medians[2])})
}

// summary is the median of each figure.
func summary(samples []sample) sample {
	return sample{
		over:      slices.ContainsFunc(samples, func(s sample) bool { return s.over }),
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
