package planner

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
)

// longFiles are Dockerfiles of so many lines that took a square of memory.
var longFiles = []struct {
	name string
	text func(n int) string
}{
	{"chain", func(n int) string {
		var b strings.Builder
		b.WriteString("FROM scratch AS s0\n")
		for i := range n {
			fmt.Fprintf(&b, "FROM s%d AS s%d\nENV E%d=%d\n", i, i+1, i, i)
		}
		return b.String()
	}},
	{"env", func(n int) string {
		var b strings.Builder
		b.WriteString("FROM scratch\n")
		for i := range n {
			fmt.Fprintf(&b, "ENV E%d=$E%d.\n", i, i/1000)
		}
		return b.String()
	}},
}

// planLong plans a target with such a file.
func planLong(tb testing.TB, text string) *Plan {
	tb.Helper()
	cfg := &config.Config{Targets: []*config.Target{{
		Name: "app", Context: config.Context{Kind: config.Local, Value: ".", Raw: "."}, Dockerfile: "Dockerfile",
	}}}
	plan, diags := New(cfg, Options{Files: memory{"Dockerfile": &fstest.MapFile{Data: []byte(text)}}, BuildPlatform: "linux/amd64", Dir: "/w"})
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return plan
}

// Twice the lines take about twice the memory.
func TestLongDockerfile(t *testing.T) {
	for _, f := range longFiles {
		t.Run(f.name, func(t *testing.T) {
			used := func(n int) uint64 {
				text := f.text(n)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				planLong(t, text)
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			small, large := used(1000), used(4000)
			if large > 8*small {
				t.Errorf("%d bytes for 1000, %d for 4000", small, large)
			}
		})
	}
}

// BenchmarkLongDockerfile shows that time grows with the lines.
func BenchmarkLongDockerfile(b *testing.B) {
	for _, f := range longFiles {
		for _, n := range []int{1000, 4000, 16000} {
			b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
				text := f.text(n)
				for b.Loop() {
					planLong(b, text)
				}
			})
		}
	}
}
