package chain

import (
	"fmt"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// project is two targets on a base, one of them with a second stage, and one
// that has nothing to do with these.
func project() (*planner.Plan, map[string]*planner.Vertex, map[string]*planner.Build) {
	plan := &planner.Plan{Graph: &planner.Graph{}}
	vertices, builds := map[string]*planner.Vertex{}, map[string]*planner.Build{}
	stage := func(name string, runs int, targets []string, inputs ...string) {
		v := &planner.Vertex{Name: name, Targets: targets}
		for range runs {
			v.Steps = append(v.Steps, planner.Step{Text: "RUN x"})
		}
		for _, in := range inputs {
			v.Inputs = append(v.Inputs, planner.Edge{From: vertices[in]})
		}
		vertices[name] = v
		plan.Graph.Vertices = append(plan.Graph.Vertices, v)
	}
	stage("base", 3, []string{"a", "b"})
	stage("a", 1, []string{"a"}, "base")
	stage("tools", 1, []string{"b"})
	stage("b", 1, []string{"b"}, "base", "tools")
	stage("c", 2, []string{"c"})
	for _, name := range []string{"a", "b", "c"} {
		b := &planner.Build{Target: &config.Target{Name: name}, Stages: []*planner.Vertex{vertices[name]}}
		builds[name] = b
		plan.Builds = append(plan.Builds, b)
	}
	return plan, vertices, builds
}

func TestGraph(t *testing.T) {
	plan, v, b := project()
	g := New(plan, Steps)
	check := func(when string, want map[string]string) {
		t.Helper()
		for name, text := range want {
			got := fmt.Sprintf("%d %t %t", g.Left(b[name])/time.Second, g.CanWork(b[name]), g.Waits(b[name]))
			if got != text {
				t.Errorf("%s: %s has left, can work, waits: %s, want %s", when, name, got, text)
			}
		}
	}
	check("at first", map[string]string{"a": "4 true false", "b": "4 true false", "c": "2 true false"})
	g.Start(b["a"])
	g.Claim(b["a"])
	check("a is started", map[string]string{"a": "4 false false", "b": "4 true false"})
	if got := g.Begin(v["tools"]); got != nil {
		t.Errorf("tools run for %s, which was not started", got.Name())
	}
	g.Start(b["b"])
	g.Claim(b["b"])
	if got := g.Begin(v["base"]); got != b["a"] {
		t.Errorf("the base does not run for the first that needs it")
	}
	check("base and tools run", map[string]string{"a": "4 false false", "b": "4 false false"})
	g.Done(v["tools"])
	check("tools are done", map[string]string{"a": "4 false false", "b": "4 false true"})
	g.Unclaim(b["a"])
	check("what runs is not a claim", map[string]string{"b": "4 false true"})
	g.Drop(b["a"])
	check("a has failed", map[string]string{"b": "4 true false"})
	g.Done(v["base"])
	check("base is done", map[string]string{"a": "1 true false", "b": "1 true false"})
	g.Finish(b["b"])
	check("b is done", map[string]string{"b": "0 true false"})
}

// What a vertex takes by itself, and what outputs take, is handed in.
func TestTimes(t *testing.T) {
	plan, _, b := project()
	g := New(plan, Times{
		Vertex: func(v *planner.Vertex) time.Duration { return time.Duration(len(v.Name)) * time.Minute },
		Export: func(b *planner.Build) time.Duration { return 10 * time.Minute },
	})
	if got, want := g.Left(b["b"]), 16*time.Minute; got != want {
		t.Errorf("b has %s left, want %s", got, want)
	}
}

// BenchmarkChain starts and ends the builds of a plan one after the other; each
// has a stage of its own on one long chain. What it takes must grow no faster
// than with the square of the size, with a small factor.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{100, 1000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			plan := &planner.Plan{Graph: &planner.Graph{}}
			var last *planner.Vertex
			for i := range n {
				v := &planner.Vertex{Name: fmt.Sprint(i), Steps: []planner.Step{{Text: "RUN x"}}}
				if last != nil {
					v.Inputs = []planner.Edge{{From: last}}
				}
				last = v
				plan.Graph.Vertices = append(plan.Graph.Vertices, v)
				plan.Builds = append(plan.Builds, &planner.Build{
					Target: &config.Target{Name: fmt.Sprint(i)}, Stages: []*planner.Vertex{v},
				})
			}
			for b.Loop() {
				g := New(plan, Steps)
				for _, build := range plan.Builds {
					if g.CanWork(build) {
						g.Start(build)
						g.Claim(build)
						g.Finish(build)
					}
				}
			}
		})
	}
}
