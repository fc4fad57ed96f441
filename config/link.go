package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// links adds the targets that the chosen ones link to.
func (c *chooser) links() hcl.Diagnostics {
	l := &linker{chooser: c, done: map[string]bool{}}
	var diags hcl.Diagnostics
	for _, name := range sortedKeys(c.targets) {
		diags = append(diags, l.follow(c.targets[name])...)
	}
	return diags
}

type linker struct {
	*chooser
	done map[string]bool
	path trail
}

// follow visits the targets that r links to, and lets r have what they need.
func (l *linker) follow(r *resolved) hcl.Diagnostics {
	if l.done[r.name] {
		return nil
	}
	l.path.enter(step{"target " + r.name, r.at})
	defer l.path.leave()
	contexts, _ := r.values[attribute.AtContexts].(attribute.Places)
	var diags hcl.Diagnostics
	for _, key := range sortedKeys(contexts) {
		kind, name := attribute.Classify(contexts[key].Raw)
		if kind != spec.LinkedTarget {
			continue
		}
		at := r.rangeOf("contexts", key)
		if diag := l.cycle(name, at); diag != nil {
			diags = append(diags, diag)
			continue
		}
		to, more := l.linked(name, at)
		diags = append(diags, more...)
		if to == nil {
			continue
		}
		diags = append(diags, l.follow(to)...)
		r.grant(to)
		if diag := r.checkPlatforms(to, at); diag != nil {
			diags = append(diags, diag)
		}
	}
	l.done[r.name] = true
	return diags
}

// rangeOf returns where an element of an attribute is written, as well as known.
func (r *resolved) rangeOf(attr, sub string) hcl.Range {
	for _, key := range []string{attr + "." + sub, attr} {
		if at, ok := r.ranges[key]; ok {
			return at
		}
	}
	return r.at
}

// cycle reports a link to a target that is on the way to it.
func (l *linker) cycle(name string, at hcl.Range) *hcl.Diagnostic {
	i, ok := l.path.place["target "+name]
	if !ok {
		return nil
	}
	steps := l.path.steps[i:]
	diag := cycle("Targets link to each other", append(steps[:len(steps):len(steps)], steps[0]))
	diag.Subject = at.Ptr()
	return diag
}

// linked returns the target of a link. If nobody asked for it, it is resolved
// and exports nothing.
func (l *linker) linked(name string, at hcl.Range) (*resolved, hcl.Diagnostics) {
	if r, ok := l.targets[name]; ok {
		return r, nil
	}
	r, diags := l.d.resolve(name, name, at)
	if r == nil {
		return nil, diags
	}
	r.linked = true
	r.values[attribute.AtOutput] = []spec.Entry{{Type: "cacheonly", Attrs: map[string]string{}}}
	l.targets[name] = r
	return r, diags
}

// grant gives a target the entitlements of one that it links to.
func (r *resolved) grant(to *resolved) {
	needed, _ := to.values[attribute.AtEntitlements].([]string)
	if len(needed) == 0 {
		return
	}
	granted, _ := r.values[attribute.AtEntitlements].([]string)
	r.values[attribute.AtEntitlements] = attribute.Unique(slices.Concat(granted, needed))
}

// checkPlatforms reports a target that is built for a platform that its
// linked target is not built for.
func (r *resolved) checkPlatforms(to *resolved, at hcl.Range) *hcl.Diagnostic {
	mine, theirs := attribute.BuiltFor(r.values[attribute.AtPlatforms]), attribute.BuiltFor(to.values[attribute.AtPlatforms])
	if len(mine) < 2 || len(theirs) < 2 {
		return nil
	}
	// Which platform the builder's own is, is not known here.
	has := map[string]bool{"local": true}
	for _, p := range theirs {
		if p.Builder {
			return nil
		}
		has[p.String()] = true
	}
	var missing []string
	for _, p := range mine {
		if !has[p.String()] {
			missing = append(missing, p.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Linked target lacks a platform",
		Detail: fmt.Sprintf("%s is built for %s, and %s, to which it links, is not.",
			r.name, strings.Join(missing, ", "), to.name),
		Subject: at.Ptr(),
	}
}
