//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What BenchmarkMixed runs besides sizesEnv and roundsEnv: the values of -j, of
// which 0 is none.
const jobsEnv = "ORCH_BENCH_JOBS" // such as "0,8,2"

// mixed is a project whose targets take unlike times: a shared base, many
// targets on it that sleep for a while, and one chain of stages, last by
// alphabet, that is as long as the run has to be.
type mixed struct {
	n    int
	dir  string
	path time.Duration // the longest chain of sleeps
}

// chainLength is how many stages the long chain has, chainStep how long each
// sleeps.
const (
	chainLength = 4
	chainStep   = 3 * time.Second
)

func newMixed(b *testing.B, n int) *mixed {
	m := &mixed{n: n, dir: b.TempDir(), path: time.Second + chainLength*chainStep}
	var file strings.Builder
	file.WriteString("FROM scratch AS base\nCOPY --from=busybox . /\nARG ROUND\nRUN sleep 1; echo $ROUND >/base\n")
	for i := range n - 1 {
		// Between 0.3 and 3.2 seconds, the same in each run.
		fmt.Fprintf(&file, "FROM base AS t-%03d\nRUN sleep %.1f; echo %d >/out\n", i, 0.3+float64(i*37%30)/10, i)
	}
	from := "base"
	for i := range chainLength {
		name := fmt.Sprintf("chain-%d", i)
		fmt.Fprintf(&file, "FROM %s AS %s\nRUN sleep %.1f; echo %d >/link-%d\n", from, name, chainStep.Seconds(), i, i)
		from = name
	}
	fmt.Fprintf(&file, "FROM %s AS z-last\n", from)
	l := load{dir: m.dir}
	l.write(b, "Dockerfile", file.String())
	l.write(b, "docker-bake.hcl", fmt.Sprintf(`variable "ROUND" { default = "" }
group "default" { targets = ["t", "z-last"] }
target "_all" {
  contexts = { busybox = %q }
  args     = { ROUND = ROUND }
  output   = ["type=cacheonly"]
}
target "t" {
  inherits = ["_all"]
  matrix   = { i = range(0, %d) }
  name     = "t-${format("%%03d", i)}"
  target   = "t-${format("%%03d", i)}"
}
target "z-last" {
  inherits = ["_all"]
  target   = "z-last"
}
`, shared.busybox, n-1))
	return m
}

// BenchmarkMixed runs orch and bake in turn on projects of unlike targets, with
// and without a limit, and says how much longer each takes than the longest
// chain. orch knows the times of its first run, which is not counted.
func BenchmarkMixed(b *testing.B) {
	buildx := peer(b, buildxEnv)
	for field := range strings.SplitSeq(orDefault(sizesEnv, "12,50,200"), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 2 {
			b.Fatalf("%s: %q is not a number of targets", sizesEnv, field)
		}
		for jobs := range strings.SplitSeq(orDefault(jobsEnv, "0,8,2"), ",") {
			b.Run(fmt.Sprintf("N=%d/j=%s", n, jobs), func(b *testing.B) {
				newMixed(b, n).compare(b, buildx, jobs)
			})
		}
	}
}

// compare runs both in turn, in each round on steps that have not run before.
func (m *mixed) compare(b *testing.B, buildx, jobs string) {
	rounds, err := strconv.Atoi(orDefault(roundsEnv, "3"))
	if err != nil || rounds < 1 {
		b.Fatalf("%s: %q is not a number of rounds", roundsEnv, os.Getenv(roundsEnv))
	}
	process("start", m.dir, orch(), "builder", "start").run(b)
	if _, err := os.Stat(filepath.Join(shared.state, "buildx", "instances", "bench")); err != nil {
		process("create", m.dir, buildx, "create", "--name", "bench", "--driver", "remote", "unix://"+filepath.Join(shared.state, "builder.sock")).run(b)
	}
	args := func(limit bool, head ...string) []string {
		if limit {
			head = append(head, "-j", jobs)
		}
		return append(head, "--progress", "plain")
	}
	limit := jobs != "0"
	ours := args(limit, "bake", "-f", "docker-bake.hcl")
	theirs := args(limit, "--builder", "bench", "bake", "-f", "docker-bake.hcl", "--allow", "fs=*")
	round := 0
	run := func(name, path string, args []string) time.Duration {
		round++
		b.Setenv("ROUND", fmt.Sprintf("%d-%d", time.Now().UnixNano(), round))
		start := time.Now()
		process(name, m.dir, path, args...).run(b)
		return time.Since(start)
	}
	run("orch", orch(), ours)
	var times [2][]time.Duration
	for range rounds {
		times[0] = append(times[0], run("orch", orch(), ours))
		times[1] = append(times[1], run(peerName, buildx, theirs))
	}
	our, their := median(times[0]), median(times[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(our.Milliseconds()), "orch-ms")
	b.ReportMetric(float64(their.Milliseconds()), peerName+"-ms")
	b.ReportMetric(float64(our)/float64(their), "of-"+peerName)
	b.ReportMetric(float64(our)/float64(m.path), "orch-of-path")
	b.ReportMetric(float64(their)/float64(m.path), peerName+"-of-path")
}
