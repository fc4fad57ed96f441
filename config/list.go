package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// ListedTarget is a target as a list shows it.
type ListedTarget struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Template is true for a target that is there to be inherited.
	Template bool `json:"template,omitempty"`
}

// ListedGroup is a group as a list shows it.
type ListedGroup struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Targets     []string `json:"targets"`
}

// ListedVariable is a variable as a list shows it.
type ListedVariable struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type,omitempty"`
	// Value is the value as text, lists and maps as JSON; nil is null.
	Value *string `json:"value,omitempty"`
	// Source is "default", "environment", "--var", "import" or the name of a file of
	// variables; "" if the variable has no value.
	Source    string `json:"source,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
}

// WrittenTargets lists the targets of the files in the order of their names, with
// their descriptions as written, not inherited.
func (d *Definition) WrittenTargets() []ListedTarget {
	out := []ListedTarget{}
	for _, name := range sortedKeys(d.targets) {
		t := ListedTarget{Name: name}
		for _, in := range d.targets[name].instances {
			if s, ok := in.values[attribute.AtDescription].(string); ok && s != "" {
				t.Description = s
			}
		}
		out = append(out, t)
	}
	return out
}

// Targets lists the targets of the files in the order of their names, with the
// descriptions that they have or inherit.
func (d *Definition) Targets() []ListedTarget {
	out := d.WrittenTargets()
	for i := range out {
		t := &out[i]
		t.Template = d.templates().Has(t.Name)
		// What is wrong with inheritance is shown by the commands that need it.
		if r, _ := d.resolve(t.Name, t.Name, hcl.Range{}); r != nil {
			t.Description, _ = r.values[attribute.AtDescription].(string)
		}
	}
	return out
}

// Groups lists the groups of the files in the order of their names.
func (d *Definition) Groups() []ListedGroup {
	out := []ListedGroup{}
	for _, name := range sortedKeys(d.ev.groups) {
		g := d.ev.groups[name]
		members := g.Targets
		if members == nil {
			members = []string{}
		}
		out = append(out, ListedGroup{Name: name, Description: g.Description, Targets: members})
	}
	return out
}

// OnlyCompose reports whether the definition is made of Compose files alone,
// which have no variables.
func (d *Definition) OnlyCompose() bool {
	return !slices.ContainsFunc(d.files, func(f *schema.File) bool { return f.Syntax != schema.Compose })
}

// Variables lists the variables of the files in the order of their names, then
// those of each imported file, with its namespace in front.
// Constants are not variables. The value of a sensitive one is masked.
func (d *Definition) Variables() []ListedVariable {
	out := []ListedVariable{}
	for _, name := range sortedKeys(d.ev.vars) {
		v := d.ev.vars[name]
		if v.block == nil {
			continue
		}
		l := ListedVariable{
			Name:        d.mod.prefix + name,
			Description: d.ev.blockText(v, "description"),
			Source:      v.source,
			Value:       shownVariable(v, d.ev.root.Variables[name]),
			Sensitive:   v.sensitive(),
		}
		if v.typed {
			l.Type = v.typ.FriendlyNameForConstraint()
		}
		if l.Sensitive && l.Value != nil {
			masked := Masked
			l.Value = &masked
		}
		out = append(out, l)
	}
	for _, im := range d.imports {
		out = append(out, im.Variables()...)
	}
	return out
}

// sensitive reports whether the value of a variable must not be printed.
func (v *variable) sensitive() bool {
	if v.block == nil || v.block.Attr("sensitive") == nil {
		return false
	}
	b, diags := v.block.Attr("sensitive").Value(nil)
	return !diags.HasErrors() && b.Type() == cty.Bool && b.IsKnown() && !b.IsNull() && b.True()
}

// blockText returns a text attribute of a variable's block, or "".
func (ev *evaluator) blockText(v *variable, name string) string {
	expr := v.block.Attr(name)
	if expr == nil {
		return ""
	}
	value, diags := ev.eval(expr, ev.root, false)
	text, err := convert.Convert(value, cty.String)
	if err != nil || diags.HasErrors() || text.IsNull() || !text.IsKnown() {
		return ""
	}
	return text.AsString()
}

// shownVariable writes the value of a variable as text; null is nil.
func shownVariable(v *variable, value cty.Value) *string {
	if value.IsNull() || !value.IsWhollyKnown() {
		return nil
	}
	var s string
	switch {
	case v.typed:
		src, _ := ctyjson.Marshal(value, v.typ)
		s = string(src)
		if v.typ == cty.String {
			s = strings.Trim(s, `"`)
		}
	case value.Type().IsPrimitiveType():
		text, _ := convert.Convert(value, cty.String)
		s = text.AsString()
	default:
		src, _ := ctyjson.Marshal(value, value.Type())
		s = string(src)
	}
	return &s
}
