package config

import (
	"cmp"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/trail"
)

// maxInherits is how many targets may be resolved on the ways to those that are
// asked for.
const maxInherits = 200_000

// memoKey names a resolved target; self is the target that inherits it, if
// that makes a difference.
type memoKey struct{ name, self string }

// resolve follows what a target inherits. self is the target that inherits it.
func (d *Definition) resolve(name, self string, from hcl.Range) (*decide.Draft, hcl.Diagnostics) {
	t, ok := d.targets[name]
	if !ok {
		return nil, hcl.Diagnostics{d.unknownTarget(name, from)}
	}
	key := memoKey{name: name}
	if self != name && d.usesSelf(name) {
		key.self = self
	}
	if r, ok := d.memo[key]; ok {
		return r.Copy(), nil
	}
	limit := cmp.Or(d.opts.inherits, maxInherits)
	if d.resolving++; d.resolving > limit {
		return nil, hcl.Diagnostics{eval.TooMuch("Too much to inherit", fmt.Sprintf(
			"Following what targets inherit has taken more than %d steps: targets inherit each other in too many ways.", limit), from)}
	}
	if steps := d.inheriting.Enter(trail.Step{What: "target " + name, At: t.at}); steps != nil {
		return nil, hcl.Diagnostics{d.inheritanceCycle(steps, t)}
	}
	defer d.inheriting.Leave()
	r, diags := d.inherit(t, self)
	if diags.HasErrors() {
		return nil, diags
	}
	if len(diags) == 0 {
		d.memo[key] = r.Copy()
	}
	return r, diags
}

// inheritanceCycle reports targets that inherit each other: an error in
// build.hcl, a warning in a bake file, where bake says nothing.
func (d *Definition) inheritanceCycle(steps []trail.Step, t *definedTarget) *hcl.Diagnostic {
	diag := trail.Cycle("Targets inherit each other", steps)
	if t.instances[len(t.instances)-1].Lenient() {
		diag.Severity = hcl.DiagWarning
		diag.Detail += "\nThe last step is passed over."
	}
	return diag
}

// inherit merges the parents of a target, its own blocks, and its overrides.
func (d *Definition) inherit(t *definedTarget, self string) (*decide.Draft, hcl.Diagnostics) {
	own, diags := d.ownValues(t, self)
	r := &decide.Draft{Name: t.name, Base: own.Base, At: t.at}
	parents, _ := own.Values[attribute.AtInherits].([]string)
	for _, parent := range parents {
		p, more := d.resolve(parent, self, own.Ranges["inherits"])
		diags = append(diags, more...)
		if p != nil {
			r.Merge(&p.Values, p.Ranges, p.Volatile)
			r.Values[attribute.AtInherits] = nil // followed here, and of no use below
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	r.Merge(&own.Values, own.Ranges, own.Volatile)
	diags = append(diags, r.Override(d.overrides[t.name])...)
	r.Normalize()
	return r, diags
}

// ownValues merges the blocks of a target. Attributes that refer to self are
// evaluated for the target that inherits them.
func (d *Definition) ownValues(t *definedTarget, self string) (own decide.Draft, diags hcl.Diagnostics) {
	heir := ""
	if self != t.name {
		heir = d.targets[self].local
	}
	for _, in := range t.instances {
		v, more := in.ValuesFor(heir)
		diags = append(diags, more...)
		own.Merge(&v, in.Ranges(), in.Volatile())
		own.Base = in.Base()
	}
	return own, diags
}

// usesSelf reports whether a target or one that it inherits refers to self.
func (d *Definition) usesSelf(name string) bool {
	if d.selfNames == nil {
		d.selfNames = d.findSelf()
	}
	return d.selfNames[name]
}

// findSelf goes from the targets that refer to self to all that inherit them.
func (d *Definition) findSelf() map[string]bool {
	heirs := map[string][]string{}
	var found []string
	for name, t := range d.targets {
		for _, in := range t.instances {
			if in.UsesSelf() {
				found = append(found, name)
			}
			for _, p := range in.Parents() {
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
