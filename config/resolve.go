package config

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// Resolve evaluates what the files say and cuts it down to what is asked for.
// Without errors in the diagnostics, the Config is complete.
func Resolve(files []*schema.File, opts Options) (*Config, hcl.Diagnostics) {
	d, diags := Evaluate(files, opts)
	if diags.HasErrors() && (d.incomplete || !opts.All) {
		return nil, diags
	}
	cfg, more := d.Choose()
	diags = append(diags, more...)
	if diags.HasErrors() {
		return nil, diags
	}
	return cfg, diags
}

// resolved is a target with everything that it inherits and what overrides
// change.
type resolved struct {
	name   string
	values attribute.Values
	ranges map[string]hcl.Range
	// owned says whether ranges belongs to this target alone.
	owned bool
	// volatile holds why arguments have a value that changes with each run.
	volatile map[string]string
	base     string // of a context that is not written
	at       hcl.Range
	// linked targets are there for others and export nothing.
	linked bool
}

// merge puts the values of a later target or block over those that are there.
func (r *resolved) merge(v *attribute.Values, ranges map[string]hcl.Range, volatile map[string]string) {
	r.mergeVolatile(v[attribute.AtArgs], volatile)
	for i := range attribute.Attributes {
		switch {
		case v[i] == nil:
		case r.values[i] == nil:
			r.values[i] = v[i]
		default:
			r.values[i] = attribute.Attributes[i].Kind.Merge(r.values[i], v[i])
		}
	}
	if len(r.ranges) == 0 {
		r.ranges, r.owned = ranges, false
		return
	}
	r.own()
	maps.Copy(r.ranges, ranges)
}

func (r *resolved) own() {
	if !r.owned {
		r.ranges, r.owned = maps.Clone(r.ranges), true
	}
}

// forget removes the place where an attribute, or an element of it, was written.
func (r *resolved) forget(attr, sub string) {
	if attr == attribute.Attributes[attribute.AtArgs].Name {
		r.mergeVolatile(map[string]*string{sub: &sub}, nil)
	}
	if sub != "" {
		attr += "." + sub
	}
	if _, ok := r.ranges[attr]; ok {
		r.own()
		delete(r.ranges, attr)
	}
}

// normalize removes duplicates and adds what follows from other attributes.
func (r *resolved) normalize() {
	if n, ok := r.values[attribute.AtNetwork].(string); ok && n == "host" {
		granted, _ := r.values[attribute.AtEntitlements].([]string)
		r.values[attribute.AtEntitlements] = append(slices.Clone(granted), "network.host")
	}
	for i := range attribute.Attributes {
		if r.values[i] != nil {
			r.values[i] = attribute.Attributes[i].Kind.Normalize(r.values[i])
		}
	}
}

// memoKey names a resolved target; self is the target that inherits it, if
// that makes a difference.
type memoKey struct{ name, self string }

// resolve follows what a target inherits. self is the target that inherits it.
func (d *Definition) resolve(name, self string, from hcl.Range) (*resolved, hcl.Diagnostics) {
	t, ok := d.targets[name]
	if !ok {
		return nil, hcl.Diagnostics{d.unknownTarget(name, from)}
	}
	key := memoKey{name: name}
	if self != name && d.selfish(name) {
		key.self = self
	}
	if r, ok := d.memo[key]; ok {
		return r.copy(), nil
	}
	if d.resolving++; d.resolving > maxInherits {
		return nil, hcl.Diagnostics{tooMuch("Too much to inherit", fmt.Sprintf(
			"Following what targets inherit has taken more than %d steps: targets inherit each other in too many ways.", maxInherits), from)}
	}
	if steps := d.inheriting.enter(step{"target " + name, t.at}); steps != nil {
		return nil, hcl.Diagnostics{d.inheritanceCycle(steps, t)}
	}
	defer d.inheriting.leave()
	r, diags := d.inherit(t, self)
	if diags.HasErrors() {
		return nil, diags
	}
	if len(diags) == 0 {
		d.memo[key] = r.copy()
	}
	return r, diags
}

// copy returns a resolved target that can be changed without changing r.
func (r *resolved) copy() *resolved {
	c := *r
	c.owned = false
	r.owned = false
	return &c
}

// inheritanceCycle reports targets that inherit each other: an error in
// build.hcl, a warning in a bake file, where bake says nothing.
func (d *Definition) inheritanceCycle(steps []step, t *definedTarget) *hcl.Diagnostic {
	diag := cycle("Targets inherit each other", steps)
	if b := t.instances[len(t.instances)-1].block; b == nil || b.Dialect == schema.Bake {
		diag.Severity = hcl.DiagWarning
		diag.Detail += "\nThe last step is passed over."
	}
	return diag
}

// inherit merges the parents of a target, its own blocks, and its overrides.
func (d *Definition) inherit(t *definedTarget, self string) (*resolved, hcl.Diagnostics) {
	own, base, diags := d.ownValues(t, self)
	r := &resolved{name: t.name, base: base, at: t.at}
	parents, _ := own.values[attribute.AtInherits].([]string)
	for _, parent := range parents {
		from := own.ranges["inherits"]
		p, more := d.resolve(parent, self, from)
		diags = append(diags, more...)
		if p != nil {
			r.merge(&p.values, p.ranges, p.volatile)
			r.values[attribute.AtInherits] = nil // followed here, and of no use below
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	r.merge(&own.values, own.ranges, own.volatile)
	diags = append(diags, r.override(d.overrides[t.name])...)
	r.normalize()
	return r, diags
}

// ownValues merges the blocks of a target. Attributes that refer to self are
// evaluated for the target that inherits them.
func (d *Definition) ownValues(t *definedTarget, self string) (own resolved, base string, diags hcl.Diagnostics) {
	for _, in := range t.instances {
		v := in.values
		if in.block.selfish && self != t.name {
			scope := in.scope.NewChild()
			scope.Variables = in.block.ev.scopeFor(d.targets[self].local, nil).Variables
			for i := range attribute.Attributes {
				if in.block.self[i] {
					var more hcl.Diagnostics
					v[i], more = in.evaluate(in.block.ev, i, scope)
					diags = append(diags, more...)
				}
			}
		}
		in.block.ev.mod.local(&v, in.block.base)
		own.merge(&v, in.block.ranges, in.volatileArgs())
		base = in.block.base
	}
	return own, base, diags
}

// selfish reports whether a target or one that it inherits refers to self.
func (d *Definition) selfish(name string) bool {
	if d.selfishNames == nil {
		d.selfishNames = d.findSelfish()
	}
	return d.selfishNames[name]
}

// findSelfish goes from the targets that refer to self to all that inherit
// them.
func (d *Definition) findSelfish() map[string]bool {
	heirs := map[string][]string{}
	var found []string
	for name, t := range d.targets {
		for _, in := range t.instances {
			if in.block.selfish {
				found = append(found, name)
			}
			for _, p := range in.parents() {
				heirs[p] = append(heirs[p], name)
			}
		}
	}
	out := map[string]bool{}
	for len(found) > 0 {
		name := found[len(found)-1]
		found = found[:len(found)-1]
		if !out[name] {
			out[name] = true
			found = append(found, heirs[name]...)
		}
	}
	return out
}

// unknownTarget reports a name that is neither a target nor a group.
func (d *Definition) unknownTarget(name string, at hcl.Range) *hcl.Diagnostic {
	diag := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unknown target",
		Detail:   fmt.Sprintf("There is no target %q.", name),
	}
	if at.Filename != "" {
		diag.Subject = at.Ptr()
	}
	if d.ev.groups[name] != nil {
		diag.Detail = fmt.Sprintf("%q is a group, and a target is needed here.", name)
		return diag
	}
	if hint := d.inNamespace(name); hint != "" {
		diag.Detail += hint
		return diag
	}
	names := d.names()
	diag.Detail += suggest.Sentence(name, names)
	if len(names) > 0 {
		diag.Detail += " There are: " + some(names, 20) + "."
	}
	return diag
}

// names lists the groups and targets.
func (d *Definition) names() []string {
	names := attribute.Unique(slices.Concat(d.groupNames, d.targetNames))
	sort.Strings(names)
	return names
}
