package planner

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/orch-build/orch/config"
)

// fan is n targets on one Dockerfile: a shared base, and for each target a
// stage that builds and an image that takes the result.
func fan(n int) (*config.Config, memory) {
	var b strings.Builder
	b.WriteString("FROM golang:1-alpine AS base\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n")
	cfg := &config.Config{}
	for i := range n {
		fmt.Fprintf(&b, "FROM base AS build-%d\nARG VERSION=1\nCOPY svc-%d svc-%d\nRUN go build -o /out ./svc-%d\n", i, i, i, i)
		fmt.Fprintf(&b, "FROM scratch AS svc-%d\nCOPY --from=build-%d /out /bin/svc\n", i, i)
		name := fmt.Sprintf("svc-%d", i)
		cfg.Targets = append(cfg.Targets, &config.Target{
			Name: name, Stage: name, Dockerfile: "Dockerfile",
			Context: config.Context{Value: "."}, Args: map[string]string{"VERSION": "2"},
		})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return cfg, memory{"Dockerfile": &fstest.MapFile{Data: []byte(b.String())}}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		cfg, files := fan(n)
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
	_, files := fan(10_000)
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

// files is n targets with a Dockerfile each, all on the same base stage.
func files(n int) (*config.Config, memory) {
	cfg, fs := &config.Config{}, memory{}
	for i := range n {
		name := fmt.Sprintf("svc-%d", i)
		file := name + "/Dockerfile"
		text := fmt.Sprintf("FROM golang:1-alpine AS base\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n"+
			"FROM base AS build\nCOPY %s %s\nRUN go build -o /out ./%s\nFROM scratch\nCOPY --from=build /out /bin/svc\n", name, name, name)
		fs[file] = &fstest.MapFile{Data: []byte(text)}
		cfg.Targets = append(cfg.Targets, &config.Target{Name: name, Dockerfile: file, Context: config.Context{Value: "."}})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return cfg, fs
}

func BenchmarkDockerfiles(b *testing.B) {
	cfg, fs := files(1000)
	b.ReportAllocs()
	for b.Loop() {
		plan, diags := New(cfg, Options{Files: fs, BuildPlatform: "linux/amd64", Dir: "/w"})
		if diags.HasErrors() || len(plan.Builds) != 1000 || len(plan.Builds[0].Stages[0].Inputs) == 0 {
			b.Fatal(diags)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	cfg, fs := fan(1000)
	plan, _ := New(cfg, Options{Files: fs, BuildPlatform: "linux/amd64", Dir: "/w"})
	for name, print := range map[string]func(io.Writer, FormatOptions) error{
		"json": plan.JSON, "dot": plan.DOT, "mermaid": plan.Mermaid, "html": plan.HTML,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := print(&out, FormatOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.Len()), "bytes")
		})
	}
}

func BenchmarkText(b *testing.B) {
	cfg, files := fan(1000)
	plan, _ := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	var out strings.Builder
	for b.Loop() {
		out.Reset()
		if err := plan.Text(&out, TextOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(strings.Count(out.String(), "\n")), "lines")
}

// BenchmarkChecks is BenchmarkNew with the checks that bake makes first, and a
// cache block for every target.
func BenchmarkChecks(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		cfg, files := fan(n)
		files["go.mod"], files["go.sum"] = &fstest.MapFile{}, &fstest.MapFile{}
		for i, t := range cfg.Targets {
			files[fmt.Sprintf("svc-%d", i)] = &fstest.MapFile{}
			t.Cache = &config.Cache{Type: "registry", Ref: "r.example/cache", Mode: "max", Write: true, Lane: "main", Main: "main", Trusted: true}
		}
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w", Checks: true}); len(diags) > 0 {
					b.Fatal(diags)
				}
			}
		})
	}
}
