package config

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/config/trail"
	"github.com/orch-build/orch/schema"
)

// placeTests finds the targets that each test belongs to.
func (d *Definition) placeTests() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.testsOf = map[string][]*spec.Test{}
	for _, t := range d.tests {
		names := d.tested(t.Target, map[string]bool{})
		if len(names) == 0 {
			diags = append(diags, d.unknownTarget(t.Target, t.At))
		}
		for _, name := range attribute.Unique(names) {
			d.testsOf[name] = append(d.testsOf[name], &t.Test)
		}
	}
	return diags
}

// tested lists the targets behind the name of a target or a group.
func (d *Definition) tested(name string, seen map[string]bool) []string {
	if d.targets[name] != nil {
		return []string{name}
	}
	g := d.groups[name]
	if g == nil || seen[name] {
		return nil
	}
	seen[name] = true
	var out []string
	for _, m := range g.Targets {
		out = slices.Concat(out, d.tested(m, seen))
	}
	return out
}

// expandMembers replaces the patterns in the groups of build.hcl by the
// targets that they match, templates left out. In a bake file they stay names,
// as in bake.
func (d *Definition) expandMembers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	templates := sync.OnceValue(d.findTemplates)
	for _, name := range d.groupNames {
		g := d.groups[name]
		if g.Block == nil || g.Block.Dialect != schema.Build || !slices.ContainsFunc(g.Targets, files.IsPattern) {
			continue
		}
		var members []string
		for _, m := range g.Targets {
			if !files.IsPattern(m) {
				members = append(members, m)
				continue
			}
			matched := d.buildable(d.matchOnlyTargets(m), templates())
			if len(matched) == 0 {
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError,
					Summary:  "Unknown target",
					Detail:   fmt.Sprintf("No target matches %q. There are: %s.", m, some(d.preferred(d.targetNames, templates()), 20)),
					Subject:  g.MembersAt().Ptr(),
				})
			}
			members = append(members, matched...)
		}
		g.Targets = attribute.Unique(members)
	}
	return diags
}

// groupFaults finds what is wrong with the members of all groups, asked for or not.
func (d *Definition) groupFaults() hcl.Diagnostics {
	w := groupWalk{d: d, done: map[string]bool{}}
	for _, name := range d.groupNames {
		w.enter(name)
	}
	return w.diags
}

// groupWalk goes through the groups, through each once.
type groupWalk struct {
	d     *Definition
	way   trail.Trail
	done  map[string]bool
	diags hcl.Diagnostics
}

func (w *groupWalk) enter(name string) {
	g := w.d.groups[name]
	if steps := w.way.Enter(trail.Step{What: groupStep + name, At: g.Range}); steps != nil {
		w.closed(steps)
		return
	}
	defer w.way.Leave()
	if w.done[name] {
		return
	}
	w.done[name] = true
	for _, m := range g.Targets {
		switch {
		case w.d.groups[m] != nil:
			w.enter(m)
		case w.d.targets[m] == nil:
			w.diags = append(w.diags, w.d.unknownTarget(m, g.MembersAt()))
		}
	}
}

// closed reports groups that contain each other. One that a target has the name of
// may be asked for: where the way comes back to it, the target is meant.
func (w *groupWalk) closed(steps []trail.Step) {
	around := steps[:len(steps)-1]
	first := slices.IndexFunc(around, func(s trail.Step) bool {
		return w.d.targets[strings.TrimPrefix(s.What, groupStep)] == nil
	})
	if first < 0 {
		return
	}
	turned := slices.Concat(around[first:], around[:first+1])
	w.diags = append(w.diags, trail.Cycle("Groups contain each other", turned))
}

// groupStep is before the name of a group on the way to a target.
const groupStep = "group "
