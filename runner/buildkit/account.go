package buildkit

import (
	"slices"

	"github.com/orch-build/orch/runner"
)

// snapshot is a step as it is now, for events.
func (p *Progress) snapshot(s *step) *runner.Step {
	out := &runner.Step{
		ID: string(s.id), Number: s.number, Name: s.name, Text: s.text, Label: s.label, Title: p.shownName(s),
		Targets: s.targets, Vertices: s.vertices, Internal: s.internal(),
		Started: s.started, Finished: s.finished, Began: s.begun, Took: s.spent,
		Done: s.completed, Cached: s.cached, Error: s.failed, Log: s.logName,
	}
	if s.label == "" && len(s.targets) == 1 && p.plan != nil && len(p.plan.Builds) > 1 {
		out.Title = "[" + s.targets[0] + "] " + out.Title
	}
	s.addTo(&out.Count)
	s.transfer(&out.Transfer, p.caches)
	s.reported = out
	return out
}

// settle sends what has become known of steps since they were last reported:
// their stages, as further targets turn out to have them, and their logs.
func (p *Progress) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.order {
		if o := p.owner[s.id]; o != nil && s.isStep() {
			s.vertices, s.source = o.stages, o.source
		}
		before := s.reported
		now := p.snapshot(s)
		if before == nil || !slices.Equal(now.Vertices, before.Vertices) || now.Log != before.Log || now.Count != before.Count {
			p.emit(runner.StepChanged{Step: now})
		}
	}
}

// sendEnd sends what is known of the targets and their contexts at the end of a
// session.
func (r *run) sendEnd() {
	r.opt.Progress.settle()
	var changes runner.ContextChanges
	for _, c := range r.opt.Contexts.Changes() {
		changes = append(changes, runner.ContextChange{Context: c.Dir, Path: c.Path, What: string(c.What)})
	}
	r.send(changes)
	for _, b := range r.plan.Builds {
		if t := r.targets[b]; t.measured != nil {
			r.send(*t.measured)
		}
	}
}
