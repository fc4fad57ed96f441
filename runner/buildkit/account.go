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
	report.Changed = nil
	for _, c := range r.opt.Contexts.Changes() {
		report.Changed = append(report.Changed, runner.ContextChange{Context: c.Dir, Path: c.Path, What: string(c.What)})
	}
	p := r.opt.Progress
	p.mu.Lock()
	defer p.mu.Unlock()
	byVertex := map[*planner.Vertex]*runner.VertexReport{}
	report.Steps, report.Vertices, report.Transfer = nil, nil, runner.Transfer{}
	caches := r.cacheRepositories()
	for _, s := range p.order {
		s.transfer(&report.Transfer, caches)
		if s.started.IsZero() {
			continue
		}
		report.Steps = append(report.Steps, s.report())
		p.place(s)
		if !s.completed {
			continue
		}
		for _, v := range s.vertices {
			if byVertex[v] == nil {
				byVertex[v] = &runner.VertexReport{Vertex: v}
			}
			s.spendOn(byVertex[v])
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
	if v := s.vertex(); v != nil {
		r.Stage, r.Vertex = v.Name, v.ID
	}
	return r
}

// spendOn adds a step to what its stage took.
func (s *step) spendOn(v *runner.VertexReport) {
	if v.Started.IsZero() || s.started.Before(v.Started) {
		v.Started = s.started
	}
	if s.finished.After(v.Finished) {
		v.Finished = s.finished
	}
	v.Took += s.spent
	s.addTo(&v.Steps)
}
