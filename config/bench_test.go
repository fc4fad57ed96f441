package config

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/schema"
)

// The definitions of the benchmarks: a matrix of 200, of 5,000 and of 50,000 targets,
// and 1,000 targets that are written out.

func matrixDefinition(a, b int) string {
	return fmt.Sprintf(`
variable "TAG" { default = "latest" }
variable "REG" { default = "registry.example.com" }
group "default" { targets = ["m"] }
target "base" {
  args   = { A = "1", B = "${REG}/x" }
  labels = { "org.example.tag" = TAG }
}
target "m" {
  inherits   = ["base"]
  matrix     = { i = range(0, %d), j = range(0, %d) }
  name       = "m-${i}-${j}"
  context    = "svc/${i}"
  target     = "final"
  args       = { I = i, J = "${j}-${TAG}" }
  tags       = ["${REG}/svc-${i}-${j}:${TAG}", "${REG}/svc-${i}-${j}:latest"]
  platforms  = ["linux/amd64", "linux/arm64"]
  cache-from = ["type=registry,ref=${REG}/cache:${i}"]
  output     = ["type=registry"]
}`, a, b)
}

func writtenDefinition(n int) string {
	var b strings.Builder
	b.WriteString(`variable "TAG" { default = "latest" }` + "\n" + `group "default" { targets = [`)
	for i := range n {
		fmt.Fprintf(&b, "%q, ", fmt.Sprint("t", i))
	}
	b.WriteString("] }\n")
	for i := range n {
		fmt.Fprintf(&b, `target "t%d" {
  context   = "svc/%d"
  args      = { A = "%d", T = TAG }
  tags      = ["example/t%d:${TAG}"]
  platforms = ["linux/amd64"]
}
`, i, i, i, i)
	}
	return b.String()
}

func benchmark(b *testing.B, src string, targets int) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		f, diags := schema.Parse("docker-bake.hcl", []byte(src), schema.Bake)
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		cfg, diags := Resolve([]*schema.File{f}, Options{Platform: "linux/amd64"})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		if len(cfg.Targets) != targets {
			b.Fatalf("got %d targets, want %d", len(cfg.Targets), targets)
		}
		if err := Print(io.Discard, cfg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(targets), "µs/target")
}

func BenchmarkMatrix200(b *testing.B)  { benchmark(b, matrixDefinition(20, 10), 200) }
func BenchmarkMatrix5000(b *testing.B) { benchmark(b, matrixDefinition(100, 50), 5000) }

// BenchmarkMatrix50000 is the most that a definition may have.
func BenchmarkMatrix50000(b *testing.B) { benchmark(b, matrixDefinition(250, 200), 50_000) }
func BenchmarkWritten1000(b *testing.B) { benchmark(b, writtenDefinition(1000), 1000) }

// BenchmarkImports resolves 100 imported files of 10 targets each.
func BenchmarkImports(b *testing.B) {
	const files, targets = 100, 10
	host := mapHost{fstest.MapFS{}}
	for i := range files {
		host.MapFS[fmt.Sprintf("svc/s%d/build.hcl", i)] = &fstest.MapFile{Data: []byte(importedDefinition(targets))}
	}
	src := `variable "TAG" { default = "latest" }
import "svc" {
  source    = "svc/*/build.hcl"
  variables = { TAG = TAG }
}
group "default" { targets = ["svc.*"] }`
	b.ReportAllocs()
	for b.Loop() {
		opts := Options{Platform: "linux/amd64", Files: host}
		f, diags := Parse("build.hcl", []byte(src), &opts)
		cfg, more := Resolve([]*schema.File{f}, opts)
		if diags = append(diags, more...); diags.HasErrors() {
			b.Fatal(diags)
		}
		if len(cfg.Targets) != files*targets {
			b.Fatalf("%d targets", len(cfg.Targets))
		}
		if err := Print(io.Discard, cfg); err != nil {
			b.Fatal(err)
		}
	}
}

func importedDefinition(n int) string {
	var b strings.Builder
	b.WriteString(`variable "TAG" {}
target "_base" { args = { A = "1" } }
`)
	for i := range n {
		fmt.Fprintf(&b, `target "t%d" {
  inherits = ["_base"]
  target   = "final"
  args     = { I = "%d", T = TAG }
  tags     = ["example/${self.name}:${TAG}"]
}
`, i, i)
	}
	return b.String()
}

// BenchmarkLongObject has a target with thousands of arguments in one object.
func BenchmarkLongObject(b *testing.B) {
	var text strings.Builder
	text.WriteString("target \"a\" {\n  args = {\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "    A%d = \"v%d\"\n", i, i)
	}
	text.WriteString("  }\n}\ngroup \"default\" { targets = [\"a\"] }\n")
	benchmark(b, text.String(), 1)
}
