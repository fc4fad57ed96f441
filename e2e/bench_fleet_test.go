//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkFleet builds 60 targets over 6 bases, whose steps sleep, on one daemon and on
// three that each run four steps at once: cold, and again when nothing has changed. The
// sleep is long beside what a step costs of the processors, which all daemons share here.
func BenchmarkFleet(b *testing.B) {
	four := []string{"--oci-max-parallelism", "4"}
	f := newFleet(b, four, four, four)
	one, three := []int{0}, []int{0, 1, 2}
	var took [4]time.Duration
	hits, steps := 0, 0
	for n := range b.N {
		for i, daemons := range [][]int{one, three} {
			salt := fmt.Sprint("bench", n, "-", i)
			dir := fleetProject(b, fmt.Sprintf("%s/%s-%d", shared.registry, salt, os.Getpid()), salt, 10, 6)
			for again := range 2 {
				begun := time.Now()
				run := f.bake(dir, daemons, "--allow=fs.read="+shared.busybox)
				took[2*i+again] += time.Since(begun)
				if i == 0 || again == 0 {
					continue
				}
				for _, s := range run.Steps {
					if !strings.HasPrefix(s.Name, "RUN") {
						continue
					}
					if steps++; s.Cached {
						hits++
					}
				}
			}
		}
	}
	per := func(i int) float64 { return took[i].Seconds() / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(per(0), "one-s")
	b.ReportMetric(per(2), "three-s")
	b.ReportMetric(per(2)/per(0), "three/one")
	b.ReportMetric(per(1), "one-again-s")
	b.ReportMetric(per(3), "three-again-s")
	b.ReportMetric(100*float64(hits)/float64(max(steps, 1)), "%-cached-again")
}
