// Package trail records the way through references, notices when it comes back to
// where it was, and reports the cycle with all its steps.
//
// It knows nothing of what is referred to: a step is a text and a place.
package trail

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Step is one stage on the way through references.
type Step struct {
	What string // such as "variable A" or "target.b.args"
	At   hcl.Range
}

// Trail is the way to what is being followed at the moment.
type Trail struct {
	steps []Step
	place map[string]int // of each step, by what it is
}

// Enter goes one step further. If that is on the way already, it stays where
// it is and returns the steps of the cycle, of which the first and the last
// are the same thing.
func (t *Trail) Enter(s Step) []Step {
	if steps := t.from(s.What); steps != nil {
		return append(steps, s)
	}
	if t.place == nil {
		t.place = map[string]int{}
	}
	t.place[s.What] = len(t.steps)
	t.steps = append(t.steps, s)
	return nil
}

// Leave goes back one step.
func (t *Trail) Leave() {
	last := len(t.steps) - 1
	delete(t.place, t.steps[last].What)
	t.steps = t.steps[:last]
}

// Len is how many steps it is to here.
func (t *Trail) Len() int { return len(t.steps) }

// Back returns the cycle that a step to something would close, or nil.
func (t *Trail) Back(what string) []Step {
	steps := t.from(what)
	if steps == nil {
		return nil
	}
	return append(steps, steps[0])
}

// from returns the steps from something on, or nil if it is not on the way.
func (t *Trail) from(what string) []Step {
	i, ok := t.place[what]
	if !ok {
		return nil
	}
	return t.steps[i:len(t.steps):len(t.steps)]
}

// Cycle reports a cycle; the first and the last step are the same thing.
func Cycle(summary string, steps []Step) *hcl.Diagnostic {
	names := make([]string, len(steps))
	var where []string
	for i, s := range steps {
		names[i] = s.What
		if i < len(steps)-1 && s.At.Filename != "" {
			where = append(where, fmt.Sprintf("\n  %s at %s:%d:%d", s.What, s.At.Filename, s.At.Start.Line, s.At.Start.Column))
		}
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   strings.Join(names, " -> ") + "." + strings.Join(where, ""),
		Subject:  steps[0].At.Ptr(),
	}
}
