package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/config/trail"
)

// maxLinks is how long a chain of targets may be that are contexts of each
// other: a plan shows for each all that is below it.
const maxLinks = 4000

// links adds the targets that the chosen ones link to.
func (c *chooser) links() hcl.Diagnostics {
	l := &linker{chooser: c, done: map[string]bool{}}
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(c.targets) {
		diags = append(diags, l.follow(c.targets[name])...)
	}
	return diags
}

type linker struct {
	*chooser
	done map[string]bool
	path trail.Trail
}

// follow visits the targets that r links to, and lets r have what they need.
func (l *linker) follow(r *decide.Draft) hcl.Diagnostics {
	if l.done[r.Name] {
		return nil
	}
	l.path.Enter(trail.Step{What: "target " + r.Name, At: r.At})
	defer l.path.Leave()
	contexts, _ := r.Values[attribute.AtContexts].(attribute.Places)
	var diags hcl.Diagnostics
	for _, key := range attribute.SortedKeys(contexts) {
		kind, name := attribute.Classify(contexts[key].Raw)
		if kind != spec.LinkedTarget {
			continue
		}
		at := r.RangeOf("contexts", key)
		if diag := l.cycle(name, at); diag != nil {
			diags = append(diags, diag)
			continue
		}
		if l.path.Len() > maxLinks {
			return append(diags, eval.TooDeep(at, maxLinks))
		}
		to, more := l.linked(name, at)
		diags = append(diags, more...)
		if to == nil {
			continue
		}
		diags = append(diags, l.follow(to)...)
		r.Grant(to)
		if diag := r.CheckPlatforms(to, at); diag != nil {
			diags = append(diags, diag)
		}
	}
	l.done[r.Name] = true
	return diags
}

// cycle reports a link to a target that is on the way to it.
func (l *linker) cycle(name string, at hcl.Range) *hcl.Diagnostic {
	steps := l.path.Back("target " + name)
	if steps == nil {
		return nil
	}
	diag := trail.Cycle("Targets link to each other", steps)
	diag.Subject = at.Ptr()
	return diag
}

// linked returns the target of a link. If nobody asked for it, it is resolved
// and exports nothing.
func (l *linker) linked(name string, at hcl.Range) (*decide.Draft, hcl.Diagnostics) {
	if r, ok := l.targets[name]; ok {
		return r, nil
	}
	r, diags := l.d.resolve(name, name, at)
	if r == nil {
		return nil, diags
	}
	r.Values[attribute.AtOutput] = []spec.Entry{{Type: "cacheonly", Attrs: map[string]string{}}}
	l.targets[name] = r
	return r, diags
}
