package runner

import (
	"testing"
	"time"

	"github.com/orch-build/orch/planner"
)

func TestCriticalPath(t *testing.T) {
	plan := graph("a")
	base := &planner.Vertex{ID: "sha256:base", Name: "base", Targets: []string{"a", "b"}}
	app := &planner.Vertex{ID: "sha256:app", Name: "app", Targets: []string{"a"}, Inputs: []planner.Edge{{From: base}}}
	plan.Graph.Vertices = []*planner.Vertex{base, app}
	r := &Report{
		Plan:    plan,
		Targets: []*TargetReport{{Build: plan.Builds[0], State: Done}},
		Vertices: []*VertexReport{
			{Vertex: base, Took: time.Second, Steps: Steps{Cached: 2}},
			{Vertex: app, Took: 2 * time.Second, Steps: Steps{Run: 3}},
		},
		Steps: []*StepReport{{Name: "RUN x", Label: "app 1/3", Stage: "app", Took: time.Second}},
	}
	path, length := r.CriticalPath()
	if len(path) != 2 || path[0].Vertex.Name != "base" || length != 3*time.Second {
		t.Errorf("%d vertices, %s", len(path), length)
	}
	if c := r.Stages(); c != (StageCounts{Run: 1, Cached: 1, Shared: 1}) {
		t.Errorf("stages: %+v", c)
	}
	if s := r.SlowestSteps(3); len(s) != 1 || s[0].Name != "RUN x" {
		t.Errorf("slowest: %v", s)
	}
}

// TestCriticalPathAtOnce has a stage that works on its own until it takes a file of
// another: what both did at the same time counts once.
func TestCriticalPathAtOnce(t *testing.T) {
	plan := graph("a")
	a := &planner.Vertex{ID: "a", Name: "a"}
	between := &planner.Vertex{ID: "between", Name: "between", Inputs: []planner.Edge{{From: a}}}
	b := &planner.Vertex{ID: "b", Name: "b", Inputs: []planner.Edge{{From: between}}}
	plan.Graph.Vertices = []*planner.Vertex{a, between, b}
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for _, tt := range []struct {
		name   string
		bs     *VertexReport
		length time.Duration
		path   int
	}{
		{"one after the other", &VertexReport{Started: at(4), Finished: at(7), Took: 3 * time.Second}, 7 * time.Second, 2},
		{"waited in between", &VertexReport{Started: at(5), Finished: at(8), Took: 3 * time.Second}, 7 * time.Second, 2},
		{"in part at once", &VertexReport{Started: at(1), Finished: at(6), Took: 5 * time.Second}, 6 * time.Second, 2},
		{"at once, and waited for it", &VertexReport{Started: at(0), Finished: at(6), Took: 3 * time.Second}, 6 * time.Second, 2},
		{"steps at once", &VertexReport{Started: at(4), Finished: at(6), Took: 4 * time.Second}, 6 * time.Second, 2},
		{"ended first", &VertexReport{Started: at(0), Finished: at(3), Took: 3 * time.Second}, 4 * time.Second, 1},
	} {
		tt.bs.Vertex = b
		r := &Report{Plan: plan, Vertices: []*VertexReport{{Vertex: a, Started: at(0), Finished: at(4), Took: 4 * time.Second}, tt.bs}}
		if path, length := r.CriticalPath(); length != tt.length || len(path) != tt.path {
			t.Errorf("%s: %d vertices, %s", tt.name, len(path), length)
		}
	}
}
