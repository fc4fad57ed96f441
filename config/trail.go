package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// step is one stage on the way through references.
type step struct {
	what string // such as "variable A" or "target.b.args"
	at   hcl.Range
}

// trail is the way to what is being evaluated. It tells cycles, and names
// their steps.
type trail struct {
	steps []step
	place map[string]int // of each step, by what it is
}

// enter goes one step further. If that is on the way already, it stays where
// it is and returns the steps of the cycle, of which the first and the last
// are the same thing.
func (t *trail) enter(s step) []step {
	if i, ok := t.place[s.what]; ok {
		return append(t.steps[i:len(t.steps):len(t.steps)], s)
	}
	if t.place == nil {
		t.place = map[string]int{}
	}
	t.place[s.what] = len(t.steps)
	t.steps = append(t.steps, s)
	return nil
}

// leave goes back one step.
func (t *trail) leave() {
	last := len(t.steps) - 1
	delete(t.place, t.steps[last].what)
	t.steps = t.steps[:last]
}

// cycle reports a cycle; the first and the last step are the same thing.
func cycle(summary string, steps []step) *hcl.Diagnostic {
	names := make([]string, len(steps))
	var where []string
	for i, s := range steps {
		names[i] = s.what
		if i < len(steps)-1 && s.at.Filename != "" {
			where = append(where, fmt.Sprintf("\n  %s at %s:%d:%d", s.what, s.at.Filename, s.at.Start.Line, s.at.Start.Column))
		}
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   strings.Join(names, " -> ") + "." + strings.Join(where, ""),
		Subject:  steps[0].at.Ptr(),
	}
}
