package print

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
)

func BenchmarkFormats(b *testing.B) {
	cfg, fs := plannertest.Fan(1000)
	plan := newPlan(b, cfg, fs)
	for name, print := range map[string]func(io.Writer, *planner.Plan, Options) error{
		"json": JSON, "dot": DOT, "mermaid": Mermaid, "html": HTML,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := print(&out, plan, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.Len()), "bytes")
		})
	}
}

func BenchmarkText(b *testing.B) {
	cfg, files := plannertest.Fan(1000)
	plan := newPlan(b, cfg, files)
	var out strings.Builder
	for b.Loop() {
		out.Reset()
		if err := Text(&out, plan, TextOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(strings.Count(out.String(), "\n")), "lines")
}
