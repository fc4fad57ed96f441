package check

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
)

// BenchmarkChecks is BenchmarkNew with the checks that bake makes first, and a
// cache block for every target.
func BenchmarkChecks(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		cfg, files := plannertest.Fan(n)
		files["go.mod"], files["go.sum"] = &fstest.MapFile{}, &fstest.MapFile{}
		for i, t := range cfg.Targets {
			files[fmt.Sprintf("svc-%d", i)] = &fstest.MapFile{}
			t.Cache = &config.Cache{Type: "registry", Ref: "r.example/cache", Mode: "max", Write: true, Lane: "main", Main: "main", Trusted: true}
		}
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, diags := New(cfg, planner.Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"}, Options{}); len(diags) > 0 {
					b.Fatal(diags)
				}
			}
		})
	}
}
