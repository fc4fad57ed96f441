package runner

import (
	"slices"
	"time"

	"github.com/orch-build/orch/planner"
)

// CriticalPath returns the chain of vertices, each an input of the next, that
// took longest, in the order in which they ran: the run could not have been
// shorter than that. Vertices that took no time are left out.
func (r *Report) CriticalPath() ([]*VertexReport, time.Duration) {
	if r.Plan == nil {
		return nil, 0
	}
	known := r.ByVertex()
	longest := make(map[*planner.Vertex]time.Duration, len(r.Plan.Graph.Vertices))
	// ends are when the chains of longest had ended.
	ends := make(map[*planner.Vertex]time.Time, len(longest))
	before := map[*planner.Vertex]*planner.Vertex{}
	var last *planner.Vertex
	for _, v := range r.Plan.Graph.Vertices {
		vr := known[v]
		most := vr.after(time.Time{})
		for _, in := range v.Inputs {
			l := longest[in.From] + vr.after(ends[in.From])
			if l > most || l == most && before[v] == nil && l > 0 {
				most, before[v], ends[v] = l, in.From, ends[in.From]
			}
		}
		longest[v] = most
		if vr != nil && vr.Finished.After(ends[v]) {
			ends[v] = vr.Finished
		}
		if last == nil || most > longest[last] {
			last = v
		}
	}
	var path []*VertexReport
	for v := last; v != nil; v = before[v] {
		if vr := known[v]; vr != nil && vr.Took > 0 {
			path = append(path, vr)
		}
	}
	slices.Reverse(path)
	return path, longest[last]
}

// after is how long a vertex took once an input of it was there. Its steps before the
// one that needs the input may have run at the same time as the input.
func (v *VertexReport) after(input time.Time) time.Duration {
	if v == nil {
		return 0
	}
	if v.Started.IsZero() || v.Finished.IsZero() {
		return v.Took
	}
	from := v.Started
	if input.After(from) {
		from = input
	}
	return max(0, min(v.Took, v.Finished.Sub(from)))
}

// SlowestSteps returns the n steps that took longest, longest first. What was
// cached, and what the builder does for itself, is left out.
func (r *Report) SlowestSteps(n int) []*StepReport {
	var steps []*StepReport
	for _, s := range r.Steps {
		if !s.Cached && !s.Internal && s.Label != "" && s.Took > 0 {
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b *StepReport) int { return int(b.Took - a.Took) })
	return steps[:min(n, len(steps))]
}

// StageCounts counts the stages of a run.
type StageCounts struct {
	Run, Cached int
	// Shared counts those that two or more targets reach.
	Shared int
}

// Stages counts the stages of the plan by their result. A stage that
// the builder never had to look at, because what is built on it was there, is
// cached; one that a failed run did not come to is not counted. A stage
// without steps, such as one that only sets variables, goes with what it is
// built on.
func (r *Report) Stages() StageCounts {
	var c StageCounts
	if r.Plan == nil {
		return c
	}
	known, done := r.ByVertex(), r.doneNames()
	ran := map[*planner.Vertex]bool{}
	for _, v := range r.Plan.Graph.Vertices {
		if v.Kind != planner.Stage && v.Kind != planner.Opaque {
			continue
		}
		vr := known[v]
		switch {
		case vr != nil:
			ran[v] = vr.Steps.Run > 0
		case !slices.ContainsFunc(v.Targets, func(name string) bool { return done[name] }):
			continue
		case len(v.Steps) == 0:
			ran[v] = slices.ContainsFunc(v.Inputs, func(e planner.Edge) bool { return ran[e.From] })
		}
		if ran[v] {
			c.Run++
		} else {
			c.Cached++
		}
		if v.Shared() {
			c.Shared++
		}
	}
	return c
}

// doneNames are the names of the targets that are done.
func (r *Report) doneNames() map[string]bool {
	done := map[string]bool{}
	for _, t := range r.Targets {
		if t.State == Done {
			done[t.Name()] = true
		}
	}
	return done
}
