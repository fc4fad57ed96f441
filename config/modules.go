package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/schema"
)

// Module is what is evaluated together, with variables and functions of its own:
// an imported file, or the files that were named.
type Module struct {
	// Prefix is in front of its names in the whole definition: "" or "web.".
	Prefix string
	Files  []*schema.File

	definition *Definition
}

// Modules lists the files that were named, and then the imported ones.
func (d *Definition) Modules() []Module {
	out := []Module{{Prefix: d.mod.prefix, Files: d.files, definition: d}}
	for _, im := range d.imports {
		out = append(out, im.Modules()...)
	}
	return out
}

// Variables lists the variables of the module alone. The values of sensitive ones
// are masked.
func (m Module) Variables() []ListedVariable {
	out := m.definition.ev.Variables(Masked)
	for i := range out {
		out[i].Name = out[i].Name[len(m.Prefix):]
	}
	return out
}

// Constants lists the names of the constants of the module.
func (m Module) Constants() []string {
	var out []string
	for _, f := range m.Files {
		out = append(out, attribute.SortedKeys(f.Constants)...)
	}
	return attribute.Unique(out)
}

// Value evaluates an expression of the module for people: in the scope of a target,
// by its name in the whole definition, or of the file if that is "". ok is
// false if it cannot be evaluated. It must not be called by several goroutines at
// once.
func (m Module) Value(expr hcl.Expression, target string) (v cty.Value, ok bool) {
	defer func() {
		if recover() != nil { // a limit of expressions was reached
			v, ok = cty.DynamicVal, false
		}
	}()
	var diags hcl.Diagnostics
	if t := m.definition.targets[target[min(len(target), len(m.Prefix)):]]; target != "" && t != nil {
		v, diags = t.instances[len(t.instances)-1].Eval(expr)
	} else {
		v, diags = m.definition.ev.Root(expr, true)
	}
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

// ValueText writes a value as it could be written in a definition, on one line.
func ValueText(v cty.Value) string { return eval.Text(v) }

// Places says where the targets and groups of the definition are written, by their
// names; the targets of a matrix share a place.
func (d *Definition) Places() (targets, groups map[string]hcl.Range) {
	targets, groups = map[string]hcl.Range{}, map[string]hcl.Range{}
	for name, t := range d.targets {
		targets[name] = t.at
	}
	for name, g := range d.groups {
		groups[name] = g.Range
	}
	return targets, groups
}

// Mask is Config.Mask as far as the variables say what is sensitive.
func (d *Definition) Mask(s string) string { return mask(s, d.sensitive()) }

// Shown returns the value of an attribute of a target as --print has it, or nil.
func (c *Config) Shown(target, attr string) any {
	i := attribute.AttributeIndex(attr)
	if i < 0 || c.written[target][i] == nil {
		return nil
	}
	return attribute.Attributes[i].Kind.Show(c.written[target][i])
}
