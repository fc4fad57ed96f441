package remaining

import (
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

func stage(name string, inputs ...*planner.Vertex) *planner.Vertex {
	v := &planner.Vertex{Kind: planner.Stage, ID: name, Name: name, Steps: []planner.Step{{Text: "RUN x"}}}
	for _, in := range inputs {
		v.Inputs = append(v.Inputs, planner.Edge{From: in})
	}
	return v
}

func TestLeft(t *testing.T) {
	base := stage("base")
	a, b, c := stage("a", base), stage("b", base), stage("c", base)
	plan := &planner.Plan{Graph: &planner.Graph{Vertices: []*planner.Vertex{base, a, b, c}}}
	for _, v := range []*planner.Vertex{a, b, c} {
		plan.Builds = append(plan.Builds, &planner.Build{Target: &config.Target{Name: v.Name}, Stages: []*planner.Vertex{v}})
	}
	took := map[string]time.Duration{"base": 10 * time.Second, "a": 20 * time.Second, "b": 30 * time.Second, "c": 20 * time.Second}
	now := time.Unix(1000, 0)
	times := Times{
		Vertex: func(v *planner.Vertex) (time.Duration, bool) { d, ok := took[v.Name]; return d, ok },
		Export: func(*planner.Build) time.Duration { return time.Second },
		Now:    func() time.Time { return now },
	}
	free, narrow := New(plan, times, 0), New(plan, times, 1)
	check := func(what string, e *Estimate, want time.Duration) {
		t.Helper()
		if got := e.Left(); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	tell := func(kind runner.ActivityKind, v *planner.Vertex) {
		for _, e := range []*Estimate{free, narrow} {
			e.Event(runner.Activity{Vertex: v, Kind: kind})
		}
	}
	check("nothing has begun", free, 0)
	tell(runner.WorkStarted, base)
	check("the longest chain and its outputs", free, 41*time.Second)
	check("all in one place", narrow, 80*time.Second)
	now = now.Add(4 * time.Second)
	check("a part is done", free, 37*time.Second)
	tell(runner.VertexDone, base)
	check("a stage is done", free, 31*time.Second)
	tell(runner.VertexDone, b)
	check("what was cached is not waited for", narrow, 40*time.Second)
	delete(took, "a")
	check("half of it is not known", free, 0)
	var none *Estimate
	none.Event(runner.Activity{})
	check("no estimate", none, 0)
}
