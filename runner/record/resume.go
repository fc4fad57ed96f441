package record

import (
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Left is what a run that goes on where another ended has to do.
type Left struct {
	// Names are the targets to build.
	Names []string
	// Changed are those of them that were done, but have another definition now.
	Changed []string
	// Done are the records of those that need no build.
	Done []*Target
}

// LeftOf finds what is left of a run, by the plan of its definition as it is
// now. A target that is done is left out, unless its definition has changed
// since.
func LeftOf(last *Record, plan *planner.Plan) *Left {
	l := &Left{}
	for _, b := range plan.Builds {
		if !b.Wanted {
			continue
		}
		t := last.Target(b.Name())
		switch {
		case t == nil || t.State != runner.Done:
			l.Names = append(l.Names, b.Name())
		case t.Definition != definitionOf(b):
			l.Changed = append(l.Changed, b.Name())
			l.Names = append(l.Names, b.Name())
		default:
			if t.From == "" {
				t.From = last.ID
			}
			l.Done = append(l.Done, t)
		}
	}
	return l
}

// Wanted are the targets that a run was asked for.
func Wanted(last *Record) []string {
	var names []string
	for _, t := range last.Targets {
		if t.Wanted {
			names = append(names, t.Name)
		}
	}
	return names
}

// Env returns the variables of the environment that the definition of a run took
// values from, as they were, and the names of those that were not kept because
// they are sensitive. Those that given sets, of the form NAME=VALUE, need
// nothing.
func Env(last *Record, given []string) (then map[string]string, hidden []string) {
	set := map[string]bool{}
	for _, v := range given {
		name, _, _ := strings.Cut(v, "=")
		set[name] = true
	}
	then = maps.Clone(last.Env)
	maps.DeleteFunc(then, func(name, _ string) bool { return set[name] })
	hidden = slices.DeleteFunc(slices.Clone(last.HiddenEnv), func(name string) bool { return set[name] })
	return then, hidden
}
