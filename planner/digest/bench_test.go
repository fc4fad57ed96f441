//go:build unix

package digest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// BenchmarkCompute computes the digests of 200 targets that read 5,000 files, and of
// 2,000 that read 50,000, with nothing remembered and with everything; the plan is
// part of it. heap-MB is what is kept when the digests are there.
func BenchmarkCompute(b *testing.B) {
	for _, targets := range []int{200, 2000} {
		b.Run(fmt.Sprint(targets), func(b *testing.B) {
			cfg := manyTargets(b, targets, 25)
			b.Run("cold", func(b *testing.B) {
				for b.Loop() {
					computeAll(b, cfg, memoryOf{})
				}
			})
			b.Run("warm", func(b *testing.B) {
				m := memoryOf{}
				computeAll(b, cfg, m)
				b.ReportAllocs()
				for b.Loop() {
					computeAll(b, cfg, m)
				}
				b.ReportMetric(heldBy(b, cfg, m), "heap-MB")
			})
		})
	}
}

// manyTargets are targets with one Dockerfile and a context of so many files each.
func manyTargets(b *testing.B, targets, files int) *config.Config {
	b.Helper()
	dir := b.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write("Dockerfile", "FROM scratch AS base\nARG NAME\nRUN setup\nFROM base\nCOPY src src\nRUN make $NAME\n")
	cfg := &config.Config{}
	for i := range targets {
		for n := range files {
			write(fmt.Sprintf("%d/src/%d", i, n), fmt.Sprint(i, n))
		}
		cfg.Targets = append(cfg.Targets, &config.Target{
			Name: fmt.Sprint("t", i), Dockerfile: "cwd://" + filepath.Join(dir, "Dockerfile"),
			Context: config.Context{Value: filepath.Join(dir, fmt.Sprint(i))}, Args: map[string]string{"NAME": fmt.Sprint(i)},
		})
	}
	return cfg
}

func computeAll(b *testing.B, cfg *config.Config, m memoryOf) *Digests {
	b.Helper()
	plan, diags := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	now := time.Now().Add(time.Hour) // no file is young
	all, err := Compute(b.Context(), plan, inputs.Contexts(plan, inputs.Options{Memory: m, Now: now}), Options{Memory: m})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// heldBy is how much memory the digests of targets take, in MB.
func heldBy(b *testing.B, cfg *config.Config, m memoryOf) float64 {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := computeAll(b, cfg, m)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / 1e6
}
