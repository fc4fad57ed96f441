package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
)

// order returns the targets in the order of their names, each after the
// targets that it links to. Every cycle is reported with its steps.
func order(targets map[string]*config.Target, faults *fault.Report) []*config.Target {
	o := ordering{targets: targets, faults: faults, state: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		if o.state[name] == 0 {
			o.visit(targets[name])
		}
	}
	return o.done
}

// ordering is a walk over the links of targets.
type ordering struct {
	targets map[string]*config.Target
	faults  *fault.Report

	state map[string]int // 1 while on the path, 2 when done
	path  []*config.Target
	done  []*config.Target
}

func (o *ordering) visit(t *config.Target) {
	o.state[t.Name] = 1
	o.path = append(o.path, t)
	for _, name := range slices.Sorted(maps.Keys(t.Contexts)) {
		c := t.Contexts[name]
		if c.Kind != config.LinkedTarget {
			continue
		}
		at := ContextRange(t, "contexts."+name)
		next := o.targets[c.Value]
		switch {
		case next == nil:
			known := slices.Sorted(maps.Keys(o.targets))
			o.faults.Fail(at, "Unknown target", "The context %q of target %q is the target %q, which does not exist.%s", name, t.Name, c.Value, suggest.Sentence(c.Value, known))
		case o.state[next.Name] == 1:
			o.cycle(next, at)
		case o.state[next.Name] == 0:
			o.visit(next)
		}
	}
	o.path = o.path[:len(o.path)-1]
	o.state[t.Name] = 2
	o.done = append(o.done, t)
}

func (o *ordering) cycle(start *config.Target, at fault.Range) {
	var steps []string
	for _, t := range o.path {
		if t == start || len(steps) > 0 {
			steps = append(steps, t.Name)
		}
	}
	steps = append(steps, start.Name)
	o.faults.Fail(at, "Cycle of targets", "Each of these targets needs the next one first: %s. Take one of the links out.", strings.Join(steps, " -> "))
}
