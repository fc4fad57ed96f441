package planner

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/orch-build/orch/planner/plannertest"
)

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		cfg, files := plannertest.Fan(n)
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
				if diags.HasErrors() || len(plan.Builds) != n {
					b.Fatal(diags)
				}
			}
		})
	}
}

// BenchmarkParse is the least that a plan of 10,000 targets takes: BuildKit's
// own parser on its Dockerfile.
func BenchmarkParse(b *testing.B) {
	_, files := plannertest.Fan(10_000)
	data := files["Dockerfile"].Data
	b.ReportAllocs()
	for b.Loop() {
		res, err := parser.Parse(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := instructions.Parse(res.AST, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDockerfiles(b *testing.B) {
	cfg, fs := plannertest.Many(1000)
	b.ReportAllocs()
	for b.Loop() {
		plan, diags := New(cfg, Options{Files: fs, BuildPlatform: "linux/amd64", Dir: "/w"})
		if diags.HasErrors() || len(plan.Builds) != 1000 || len(plan.Builds[0].Stages[0].Inputs) == 0 {
			b.Fatal(diags)
		}
	}
}
