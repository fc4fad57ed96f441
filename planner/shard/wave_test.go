package shard

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/plannertest"
)

// laned gives all targets a cache that this run writes.
func laned(cfg *config.Config) *config.Config {
	for _, t := range cfg.Targets {
		t.Cache = &config.Cache{Type: "local", Ref: "cache", Lane: "main", Main: "main", Mode: "max", Trusted: true, Write: true}
	}
	return cfg
}

// severalNeed are the stages that several shards need, by their IDs.
func severalNeed(plan *planner.Plan, f *File) map[string]*planner.Vertex {
	in := map[*planner.Vertex]map[int]bool{}
	for _, s := range f.Shards {
		for _, p := range s.Parts {
			b := plan.Builds[slices.IndexFunc(plan.Builds, func(b *planner.Build) bool { return b.Name() == p.Target })]
			for at, end := range b.Stages {
				if len(p.Platforms) > 0 && !slices.Contains(p.Platforms, b.Platforms[at]) {
					continue
				}
				for _, v := range reach(end) {
					if in[v] == nil {
						in[v] = map[int]bool{}
					}
					in[v][s.Index] = true
				}
			}
		}
	}
	out := map[string]*planner.Vertex{}
	for v, shards := range in {
		if v.Kind == planner.Stage && len(shards) > 1 {
			out[v.ID] = v
		}
	}
	return out
}

// checkWave says that the job before the shards can be planned, and builds all stages
// that several shards need.
func checkWave(t *testing.T, cfg *config.Config, files plannertest.Files, shards int) {
	t.Helper()
	plan, ok := planOf(laned(cfg), files)
	if !ok {
		return
	}
	opt := options(shards)
	opt.Waves = true
	f, err := Make(plan, opt)
	if err != nil {
		t.Fatal(err)
	}
	if f.Wave == nil {
		return
	}
	before, diags := planner.New(Waves(cfg, f.Wave), planner.Options{Files: files, BuildPlatform: amd64, Dir: "/w"})
	if diags.HasErrors() {
		t.Fatalf("the job before the shards cannot be planned: %v\n%v", diags, f.Wave.Stages)
	}
	built := map[string]bool{}
	for _, v := range before.Graph.Vertices {
		built[v.ID] = true
	}
	for id, v := range severalNeed(plan, f) {
		if opt.Times.Vertex(v) > 0 && !built[id] {
			t.Errorf("the job before the shards does not build %s of %v, which several shards need: it has %v", v.Name, v.Targets, f.Wave.Stages)
		}
	}
}

// The job before the shards builds what several of them need, whatever the stages are
// called and wherever they are written.
func TestWaveBuildsShared(t *testing.T) {
	plannertest.EachProject(t, func(cfg *config.Config, files plannertest.Files) bool {
		_, ok := planOf(cfg, files)
		return ok
	}, func(t *testing.T, r *rand.Rand, cfg *config.Config, files plannertest.Files) {
		shards := 1 + r.IntN(5)
		checkWave(t, cfg, files, shards)
		checkWave(t, cfg, unname(cfg, files), shards)
	})
}

// unname takes the names from the stages that nothing but a number has to find.
func unname(cfg *config.Config, files plannertest.Files) plannertest.Files {
	out := plannertest.Files{}
	for path, file := range files {
		text := regexp.MustCompile(`from=s(\d+)`).ReplaceAllString(string(file.Data), "from=$1")
		text = regexp.MustCompile(`(?m)^(FROM .*) AS (s\d+)$`).ReplaceAllStringFunc(text, func(line string) string {
			from, name, _ := strings.Cut(line, " AS ")
			if strings.Contains(text, "FROM "+name+" ") || slices.ContainsFunc(cfg.Targets, func(t *config.Target) bool {
				_, replaced := t.Contexts[name]
				return t.Stage == name || replaced
			}) {
				return line
			}
			return from
		})
		out[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// A stage without a name cannot be asked for: the target that ends in it is, or the
// stage that is built on it.
func TestWaveUnnamed(t *testing.T) {
	for name, text := range map[string]string{
		"the last": `
-- build.json --
{"Chosen": ["a", "b"], "Targets": {
  "base": {"Dockerfile": "base"},
  "a": {"Contexts": {"base": "target:base"}},
  "b": {"Contexts": {"base": "target:base"}, "Args": {"X": "b"}}}}
-- base --
FROM scratch
RUN one
-- Dockerfile --
FROM base
ARG X
RUN two $X
`,
		"copied from": `
-- build.json --
{"Chosen": ["a", "b"], "Targets": {"a": {"Args": {"X": "a"}}, "b": {"Args": {"X": "b"}}}}
-- Dockerfile --
FROM scratch
RUN one
FROM scratch
ARG X
RUN two $X
COPY --from=0 /o /o
`,
		"below a named one": `
-- build.json --
{"Chosen": ["a", "b"], "Targets": {"a": {"Args": {"X": "a"}}, "b": {"Args": {"X": "b"}}}}
-- Dockerfile --
FROM scratch
RUN one
FROM scratch AS small
COPY --from=0 /o /o
FROM scratch
COPY --from=0 /o /o
COPY --from=small /o /p
ARG X
RUN two $X
`,
		"of two inline files": `
-- build.json --
{"Chosen": ["a", "b"], "Targets": {
  "z": {"dockerfile-inline": "FROM scratch AS same\nRUN one\nFROM same\nRUN three\n"},
  "a": {"dockerfile-inline": "FROM z AS same\nRUN two\nFROM same\nRUN a\n", "Contexts": {"z": "target:z"}},
  "b": {"dockerfile-inline": "FROM z AS same\nRUN two\nFROM same\nRUN b\n", "Contexts": {"z": "target:z"}}}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _, files := plannertest.Archive(t, txtar.Parse([]byte(text[1:])))
			if _, ok := planOf(cfg, files); !ok {
				t.Fatal("the project cannot be planned")
			}
			checkWave(t, cfg, files, 2)
		})
	}
}
