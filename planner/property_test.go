package planner

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/plannertest"
)

func mustPlan(t testing.TB, cfg *config.Config, files Files) *Plan {
	t.Helper()
	plan, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return plan
}

// idsOf lists the vertices that each target reaches.
func idsOf(p *Plan) map[string][]string {
	out := map[string][]string{}
	for _, v := range p.Graph.Vertices {
		for _, name := range v.Targets {
			out[name] = append(out[name], v.ID)
		}
	}
	for _, ids := range out {
		slices.Sort(ids)
	}
	return out
}

func TestAddingATargetChangesNoOther(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		all := idsOf(mustPlan(t, cfg, files))
		last := len(cfg.Targets) - 1 // nothing links to the last one
		fewer := idsOf(mustPlan(t, &config.Config{Targets: cfg.Targets[:last]}, files))
		delete(all, cfg.Targets[last].Name)
		if !maps.EqualFunc(all, fewer, slices.Equal) {
			t.Errorf("with another target: %v\nwithout: %v", all, fewer)
		}
	})
}

func TestOrderOfTargetsChangesNothing(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		before := graphText(mustPlan(t, cfg, files))
		r.Shuffle(len(cfg.Targets), func(i, j int) {
			cfg.Targets[i], cfg.Targets[j] = cfg.Targets[j], cfg.Targets[i]
		})
		if after := graphText(mustPlan(t, cfg, files)); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	})
}

func TestRenamingTargetsChangesNoID(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		ids := func(p *Plan) []string {
			var out []string
			for _, v := range p.Graph.Vertices {
				out = append(out, v.ID)
			}
			return out
		}
		before := ids(mustPlan(t, cfg, files))
		// The first becomes the last in the order of names.
		rename := func(s string) string { return fmt.Sprintf("z%c", 'a'+'z'-s[1]) }
		for _, target := range cfg.Targets {
			target.Name = rename(target.Name)
			for k, c := range target.Contexts {
				if c.Kind == config.LinkedTarget {
					c.Value = rename(c.Value)
					target.Contexts[k] = c
				}
			}
		}
		if after := ids(mustPlan(t, cfg, files)); !slices.Equal(before, after) {
			t.Errorf("before %v, after %v", before, after)
		}
	})
}

// seesB says whether a vertex, or something that it is built on or takes
// from, declares the argument B; Args does not say so for B without a value.
func seesB(v *Vertex) bool {
	if v.Kind == Stage {
		lines := strings.Split(string(v.Dockerfile.Data), "\n")[v.Range.Start.Line-1 : v.Range.End.Line]
		for _, l := range lines {
			if l == "ARG B" || strings.HasPrefix(l, "ARG B=") {
				return true
			}
		}
	}
	return slices.ContainsFunc(v.Inputs, func(e Edge) bool { return seesB(e.From) })
}

func TestAnArgumentChangesWhatSeesIt(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		before := mustPlan(t, cfg, files)
		for _, target := range cfg.Targets {
			target.Args["B"] = "changed"
			target.Args["NOBODY"] = "changed"
		}
		after := map[string]bool{}
		for _, v := range mustPlan(t, cfg, files).Graph.Vertices {
			after[v.ID] = true
		}
		for _, v := range before.Graph.Vertices {
			if sees := seesB(v); sees == after[v.ID] {
				t.Errorf("%s %s %v: sees B: %v, kept its ID: %v", v.Name, v.Platform, v.Targets, sees, after[v.ID])
			}
		}
	})
}

// TestEqualTextsAreOneGraph has every target again, with a copy of its Dockerfile.
func TestEqualTextsAreOneGraph(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		before := mustPlan(t, cfg, files)
		copied := &config.Config{Targets: slices.Clone(cfg.Targets)}
		for _, target := range cfg.Targets {
			again := *target
			again.Name, again.Dockerfile = "again-"+target.Name, target.Dockerfile+".copy"
			name := strings.TrimPrefix(target.Dockerfile, "cwd://")
			files[name+".copy"] = files[name]
			copied.Targets = append(copied.Targets, &again)
		}
		after := mustPlan(t, copied, files)
		if len(after.Graph.Vertices) != len(before.Graph.Vertices) {
			t.Fatalf("before:\n%s\nafter:\n%s", graphText(before), graphText(after))
		}
		for i, v := range after.Graph.Vertices {
			if v.ID != before.Graph.Vertices[i].ID {
				t.Errorf("vertex %d, %s, is another", i, v.Name)
			}
		}
	})
}

func TestGraphIsInOrder(t *testing.T) {
	plannertest.EachProject(t, isPlanned, func(t *testing.T, r *rand.Rand, cfg *config.Config, files memory) {
		plan := mustPlan(t, cfg, files)
		seen := map[*Vertex]bool{}
		ids := map[string]bool{}
		for _, v := range plan.Graph.Vertices {
			for _, e := range v.Inputs {
				if !seen[e.From] {
					t.Errorf("%s is before its input %s", v.Name, e.From.Name)
				}
			}
			if ids[v.ID] {
				t.Errorf("two vertices have the ID %s", v.ID)
			}
			seen[v], ids[v.ID] = true, true
		}
		done := map[*Build]bool{}
		for _, b := range plan.Builds {
			for _, in := range b.Inputs {
				if !done[in] {
					t.Errorf("%s is before its input %s", b.Name(), in.Name())
				}
			}
			done[b] = true
		}
	})
}

// TestSameWork holds pairs of Dockerfiles against each other: equal work in
// different words is one vertex, and different work is two.
func TestSameWork(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		same       bool
		args       map[string]string // of b
	}{
		{"names of stages", "FROM x AS a\nRUN 1\nFROM y\nCOPY --from=a / /", "FROM x AS b\nRUN 1\nFROM y\nCOPY --from=b / /", true, nil},
		{"names in mounts", "FROM x AS a\nFROM y\nRUN --mount=type=bind,from=a,target=/m z", "FROM x AS b\nFROM y\nRUN --mount=type=bind,from=b,target=/m z", true, nil},
		{"index and name", "FROM x AS a\nFROM y\nCOPY --from=a / /", "FROM x\nFROM y\nCOPY --from=0 / /", true, nil},
		{"comments and case", "FROM x\nRUN a", "# c\nfrom x\n# d\nrun a", true, nil},
		{"image in full", "FROM alpine", "FROM docker.io/library/alpine:latest", true, nil},
		{"default given", "FROM x\nARG A=1\nRUN $A", "FROM x\nARG A=1\nRUN $A", true, map[string]string{"A": "1"}},
		{"default other", "FROM x\nARG A=1\nRUN $A", "FROM x\nARG A=2\nRUN $A", false, nil},
		{"default overridden", "FROM x\nARG A=1\nRUN $A", "FROM x\nARG A=2\nRUN $A", true, map[string]string{"A": "1"}},
		{"unset and empty", "FROM x\nARG A\nRUN $A", "FROM x\nARG A\nRUN $A", false, map[string]string{"A": ""}},
		{"global default", "ARG A=1\nFROM x\nARG A\nRUN $A", "FROM x\nARG A=1\nRUN $A", true, nil},
		{"argument of the base", "FROM x AS b\nARG A=1\nRUN y\nFROM b\nRUN $A", "FROM x AS b\nARG A=1\nRUN y\nFROM b\nRUN $A", false, map[string]string{"A": "2"}},
		{"order of steps", "FROM x\nRUN a\nRUN b", "FROM x\nRUN b\nRUN a", false, nil},
		{"which stage", "FROM x AS a\nFROM y AS b\nFROM z\nCOPY --from=a / /", "FROM x AS a\nFROM y AS b\nFROM z\nCOPY --from=b / /", false, nil},
		{"exec form", "FROM x\nRUN [\"a\", \"b\"]", "FROM x\nRUN a b", false, nil},
		{"split of words", "FROM x\nRUN [\"a b\"]", "FROM x\nRUN [\"a\", \"b\"]", false, nil},
		{"heredoc text", "FROM x\nRUN <<E\na\nE", "FROM x\nRUN <<E\nb\nE", false, nil},
		{"link flag", "FROM x\nCOPY --link a /", "FROM x\nCOPY a /", false, nil},
		{"mount or copy", "FROM x\nRUN --mount=from=y,target=/a z", "FROM x\nRUN --mount=from=y,target=/b z", false, nil},
		{"base or image of that name", "FROM x AS alpine\nFROM alpine\nRUN a", "FROM alpine\nRUN a", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &config.Config{Targets: []*config.Target{
				{Name: "a", Context: config.Context{Value: "."}, DockerfileInline: &c.a},
				{Name: "b", Context: config.Context{Value: "."}, DockerfileInline: &c.b, Args: c.args},
			}}
			plan := mustPlan(t, cfg, memory{"x": &fstest.MapFile{}})
			if same := plan.Builds[0].Stages[0] == plan.Builds[1].Stages[0]; same != c.same {
				t.Errorf("one vertex: %v, want %v\n%s", same, c.same, graphText(plan))
			}
		})
	}
}

// isPlanned says whether a project has no faults.
func isPlanned(cfg *config.Config, files memory) bool {
	_, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	return !diags.HasErrors()
}
