package predict

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/runner"
)

// ran are the steps of a report, by where they are.
type ran map[spot]*runner.StepReport

// spot is a place, as "n/m", in the stage of a vertex.
type spot struct{ place, vertex string }

func newRan(run *runner.Report) ran {
	out := ran{}
	for _, s := range run.Steps {
		place := s.Label[strings.LastIndexByte(s.Label, ' ')+1:]
		// What puts the layer of a COPY --link on others has the number of the COPY.
		if place == "" || s.Vertex == "" || s.Internal || strings.HasPrefix(s.Name, "LINK ") {
			continue
		}
		// A step may be several operations: it ran if one of them did.
		if at := (spot{place, s.Vertex}); out[at] == nil || !s.Cached {
			out[at] = s
		}
	}
	return out
}

// find returns the step of a stage, or nil. Equal work of several stages is shown
// for the first of them only: the key of a step says what it is equal to.
func (r ran) find(vertex string, nth, of int) *runner.StepReport {
	return r[spot{fmt.Sprintf("%d/%d", nth, of), vertex}]
}

// Run is what a check needs to know of the run beside its report.
type Run struct {
	// Caches is true if results may have come from caches elsewhere.
	Caches bool
	// Alone is true if nobody else uses the builder.
	Alone bool
	// Moved are the images that were not what was taken for granted.
	Moved []string
}

// Check compares predictions with what ran. Equal steps under several names are
// one: the first to come runs.
func Check(e *explain.Explanation, run *runner.Report, how Run) {
	e.Checked = true
	steps := newRan(run)
	was := map[string]string{} // by key
	for _, t := range e.Targets {
		for _, s := range t.Steps {
			r := steps.find(s.Vertex, s.Nth, s.Of)
			if r == nil || r.Failed || r.Finished.IsZero() || s.Will == explain.Maybe {
				continue
			}
			if !r.Cached {
				was[s.Key] = explain.Run
			} else if was[s.Key] == "" {
				was[s.Key] = explain.Cached
			}
		}
	}
	seen := map[string]bool{}
	cached, kept := 0, 0
	for _, t := range e.Targets {
		for _, s := range t.Steps {
			if was[s.Key] == "" || s.Will == explain.Maybe || seen[s.Key] {
				continue
			}
			seen[s.Key] = true
			if s.Will == explain.Cached {
				cached++
				if was[s.Key] == explain.Cached {
					kept++
				}
			}
			if was[s.Key] != s.Will {
				e.Wrong = append(e.Wrong, explain.Wrong{Target: t.Name, Step: s.Label(), Will: s.Will, Was: was[s.Key], Why: how.why(s, was[s.Key])})
			}
		}
	}
	for i := range e.Wrong {
		if w := &e.Wrong[i]; cached > 0 && kept == 0 && w.Will == explain.Cached && w.Why == "" {
			w.Why = "the builder has lost its cache"
		}
	}
}

// why is the reason that a prediction could not be right, or "".
func (how Run) why(s *explain.Step, was string) string {
	switch {
	case len(how.Moved) > 0 && was == explain.Run:
		return "base image " + strings.Join(how.Moved, ", ") + " is another one now"
	case s.Open:
		return "what it is based on was not known before"
	case was == explain.Cached && how.Caches:
		return "a cache elsewhere had its result"
	case was == explain.Cached && !how.Alone:
		return "somebody else has run it on this builder"
	}
	return ""
}
