//go:build unix

package digest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// BenchmarkCompute computes the digests of 200 targets that read 5,000 files,
// with nothing remembered and with everything; the plan is part of it.
func BenchmarkCompute(b *testing.B) {
	const targets, files = 200, 25
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
	run := func(b *testing.B, m memoryOf) {
		plan, diags := planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: "linux/amd64"})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		now := time.Now().Add(time.Hour) // no file is young
		if _, err := Compute(b.Context(), plan, inputs.Contexts(plan, inputs.Options{Memory: m, Now: now}), Options{BuildPlatform: "linux/amd64", Memory: m}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			run(b, memoryOf{})
		}
	})
	b.Run("warm", func(b *testing.B) {
		m := memoryOf{}
		run(b, m)
		b.ReportAllocs()
		for b.Loop() {
			run(b, m)
		}
	})
}
