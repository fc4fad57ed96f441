package steps

import (
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/runner"
)

// observe sends what a status says about the work on a step. BuildKit reports
// steps whose result is there as cached, and says that the others have started
// when they really run. Of a source, such as the image of a FROM, it says so too
// when it only looks at it.
func (t *Tracker) observe(s *step, v *client.Vertex) {
	if len(s.vertices) == 0 {
		return
	}
	switch {
	case v.Started != nil && v.Completed == nil && !v.Cached && !s.runs:
		s.runs = true
		t.activity(s, runner.WorkStarted)
	case v.Completed != nil && s.runs:
		s.runs = false
		t.activity(s, runner.WorkFinished)
	}
	if v.Completed == nil || v.Error != "" {
		return
	}
	for _, stage := range t.ends[s.id] {
		t.session.Send(runner.Activity{Vertex: stage, Kind: runner.VertexDone})
	}
}

// activity sends the work on a step for each stage that it belongs to; as a RUN,
// only once.
func (t *Tracker) activity(s *step, kind runner.ActivityKind) {
	run := strings.HasPrefix(s.text, "RUN ")
	for i, stage := range s.vertices {
		t.session.Send(runner.Activity{Vertex: stage, Kind: kind, Run: run && i == 0})
	}
}
