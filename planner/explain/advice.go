package explain

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/planner/facts"
)

// advise looks for arguments that make steps run which do not use them.
func advise(after *facts.Target, t *Target) []Advice {
	var out []Advice
	for _, c := range t.Causes {
		name := c.Name
		if c.Kind == Instruction {
			name = argument(c.New)
		} else if c.Kind != Argument {
			continue
		}
		if name == "" {
			continue
		}
		for i, in := range after.Instructions {
			if argument(in.Text) != name {
				continue
			}
			if a, ok := move(after, t, name, i); ok {
				out = append(out, a)
			}
		}
	}
	return out
}

// argument is the one name that an ARG declares, or "".
func argument(text string) string {
	rest, ok := strings.CutPrefix(text, "ARG ")
	if !ok || len(strings.Fields(rest)) != 1 {
		return ""
	}
	return argumentName.FindString(rest)
}

// move says how far down a declaration can go: below all that does not use it.
func move(after *facts.Target, t *Target, name string, at int) (Advice, bool) {
	last, seconds, example, runs := -1, 0.0, "", 0
	for i := at + 1; i < len(after.Instructions); i++ {
		in := after.Instructions[i]
		if strings.HasPrefix(in.Text, "FROM ") || mentions(in.Text, name) {
			break
		}
		for _, s := range t.Steps {
			if s.Will == Cached || !strings.HasPrefix(s.Text, "RUN ") || s.Place != fmt.Sprintf("%s:%d", after.Dockerfile, in.Line) {
				continue
			}
			last = i
			runs++
			if example == "" || s.Seconds > seconds {
				example = s.Text
			}
			seconds += s.Seconds
		}
	}
	if last < 0 {
		return Advice{}, false
	}
	a := Advice{
		Place: fmt.Sprintf("%s:%d", after.Dockerfile, after.Instructions[at].Line),
		Below: fmt.Sprintf("%s:%d", after.Dockerfile, after.Instructions[last].End), Seconds: seconds,
	}
	what := brief(example)
	if runs > 1 {
		what += fmt.Sprintf(" and %d more", runs-1)
	}
	took := ""
	if seconds > 0 {
		took = ", about " + duration(seconds)
	}
	a.Text = fmt.Sprintf("ARG %s is declared above steps that do not use it and run again when it changes (%s%s): move line %d of %s below line %d.",
		name, what, took, after.Instructions[at].Line, after.Dockerfile, after.Instructions[last].End)
	return a, true
}
