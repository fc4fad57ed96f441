package buildkit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Account adds to the report what the builder said of the steps.
func (r *run) Account(report *runner.Report) {
	p := r.opt.Progress
	p.mu.Lock()
	defer p.mu.Unlock()
	byVertex := map[*planner.Vertex]*runner.VertexReport{}
	report.Steps, report.Vertices, report.Transfer.Sent = nil, nil, 0
	for _, s := range p.order {
		report.Transfer.Sent += s.sent()
		if s.started.IsZero() {
			continue
		}
		report.Steps = append(report.Steps, s.report())
		if s.vertex != nil && s.completed {
			if byVertex[s.vertex] == nil {
				byVertex[s.vertex] = &runner.VertexReport{Vertex: s.vertex}
			}
			s.addTo(byVertex[s.vertex])
		}
	}
	for _, v := range r.plan.Graph.Vertices {
		if vr := byVertex[v]; vr != nil {
			report.Vertices = append(report.Vertices, vr)
		}
	}
	slices.SortStableFunc(report.Steps, func(a, b *runner.StepReport) int { return a.Started.Compare(b.Started) })
}

func (s *step) report() *runner.StepReport {
	r := &runner.StepReport{
		Name: cmp.Or(s.text, s.name), Label: s.label, Targets: s.targets, Internal: s.internal(),
		Started: s.started, Finished: s.finished, Took: s.spent,
		Cached: s.cached, Failed: s.failed != "" && !strings.HasSuffix(s.failed, "context canceled"),
		Log: s.logName,
	}
	if s.vertex != nil {
		r.Stage, r.Vertex = s.vertex.Name, s.vertex.ID
	}
	return r
}

// addTo adds a step to what its stage took.
func (s *step) addTo(v *runner.VertexReport) {
	if v.Started.IsZero() || s.started.Before(v.Started) {
		v.Started = s.started
	}
	if s.finished.After(v.Finished) {
		v.Finished = s.finished
	}
	v.Took += s.spent
	if s.cached {
		v.Steps.Cached++
	} else {
		v.Steps.Run++
	}
}
