package predict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/runner"
)

// ran finds the steps of a report.
type ran map[string][]*runner.StepReport // by "n/m"

func newRan(run *runner.Report) ran {
	out := ran{}
	for _, s := range run.Steps {
		place := s.Label[strings.LastIndexByte(s.Label, ' ')+1:]
		if place != "" && !s.Internal {
			out[place] = append(out[place], s)
		}
	}
	return out
}

// find returns the step of a stage, or nil. Equal work of several stages is shown
// for the first of them.
func (r ran) find(target, vertex string, nth, of int) *runner.StepReport {
	if nth == 0 {
		return nil
	}
	var same, run *runner.StepReport
	several := 0
	for _, s := range r[fmt.Sprintf("%d/%d", nth, of)] {
		switch {
		case s.Vertex == vertex && vertex != "":
			// A step may be several operations: it ran if one of them did.
			if run == nil || !s.Cached {
				run = s
			}
		case slices.Contains(s.Targets, target):
			same = s
			several++
		}
	}
	if run == nil && several == 1 {
		return same
	}
	return run
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

// Check compares predictions with what ran.
func Check(e *explain.Explanation, run *runner.Report, how Run) {
	e.Checked = true
	steps := newRan(run)
	seen := map[string]bool{}
	cached, kept := 0, 0
	var wrong []explain.Wrong
	for _, t := range e.Targets {
		for _, s := range t.Steps {
			r := steps.find(t.Name, s.Vertex, s.Nth, s.Of)
			if r == nil || r.Failed || r.Finished.IsZero() || seen[s.Key] || s.Will == explain.Maybe {
				continue
			}
			seen[s.Key] = true
			was := explain.Run
			if r.Cached {
				was = explain.Cached
			}
			if s.Will == explain.Cached {
				cached++
				if was == explain.Cached {
					kept++
				}
			}
			if was != s.Will {
				wrong = append(wrong, explain.Wrong{Target: t.Name, Step: s.Label(), Will: s.Will, Was: was, Why: how.why(s, was)})
			}
		}
	}
	if cached > 0 && kept == 0 {
		for i := range wrong {
			if wrong[i].Will == explain.Cached && wrong[i].Why == "" {
				wrong[i].Why = "the builder has lost its cache"
			}
		}
	}
	e.Wrong = wrong
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
