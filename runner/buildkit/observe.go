package buildkit

import (
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/runner"
)

// observe reports what a status says of a step. BuildKit reports steps whose
// result is there as cached, and says that the others have started when they
// really run. Of a source, such as the image of a FROM, it says so too when it
// only looks at it.
func (p *Progress) observe(s *step, v *client.Vertex) {
	if len(s.vertices) == 0 {
		return
	}
	run := strings.HasPrefix(s.text, "RUN ")
	switch {
	case v.Started != nil && v.Completed == nil && !v.Cached && !s.runs:
		s.runs = true
		p.report(s, runner.WorkStarted, run)
	case v.Completed != nil && s.runs:
		s.runs = false
		p.report(s, runner.WorkFinished, run)
	}
	if v.Completed == nil || v.Error != "" {
		return
	}
	for _, stage := range p.ends[s.id] {
		p.emit(runner.Activity{Vertex: stage, Kind: runner.VertexDone})
	}
}

// report reports a step for each stage that it belongs to; as a RUN, only once.
func (p *Progress) report(s *step, kind runner.ActivityKind, run bool) {
	for i, stage := range s.vertices {
		p.emit(runner.Activity{Vertex: stage, Kind: kind, Run: run && i == 0})
	}
}
