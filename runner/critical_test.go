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
