package eval

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/orch-build/orch/config/attribute"
)

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

// Variables lists the variables of the files in the order of their names, with
// the prefix of an imported file in front. Constants are not variables. The value
// of a sensitive one is masked.
func (ev *Evaluator) Variables(masked string) []ListedVariable {
	out := []ListedVariable{}
	for _, name := range ev.VariableNames() {
		v := ev.vars[name]
		l := ListedVariable{
			Name:        ev.in.Prefix + name,
			Description: ev.blockText(v, "description"),
			Source:      v.source,
			Value:       shownVariable(v, ev.root.Variables[name]),
			Sensitive:   v.sensitive(),
		}
		if v.typed {
			l.Type = v.typ.FriendlyNameForConstraint()
		}
		if l.Sensitive && l.Value != nil {
			l.Value = &masked
		}
		out = append(out, l)
	}
	return out
}

// VariableNames lists the names of the variables, in their order.
func (ev *Evaluator) VariableNames() []string {
	var out []string
	for _, name := range attribute.SortedKeys(ev.vars) {
		if ev.vars[name].block != nil {
			out = append(out, name)
		}
	}
	return out
}

// Declared reports whether the files have a variable or a constant of that name.
func (ev *Evaluator) Declared(name string) bool { return ev.vars[name] != nil }

// Constant returns where a constant is written, or nil if there is none of that
// name.
func (ev *Evaluator) Constant(name string) *hcl.Attribute {
	if v := ev.vars[name]; v != nil {
		return v.constant
	}
	return nil
}

// Value returns the value of a variable or a constant that has been evaluated.
func (ev *Evaluator) Value(name string) (cty.Value, bool) {
	v, ok := ev.root.Variables[name]
	return v, ok
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
func (ev *Evaluator) blockText(v *variable, name string) string {
	expr := v.block.Attr(name)
	if expr == nil {
		return ""
	}
	value, diags := ev.Root(expr, NoRefs)
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

// Sensitive lists the texts that must not be printed: those in the values of
// sensitive variables.
func (ev *Evaluator) Sensitive() []string {
	var out []string
	for _, name := range attribute.SortedKeys(ev.vars) {
		v := ev.vars[name]
		if !v.sensitive() {
			continue
		}
		out = texts(out, ev.root.Variables[name])
		if text, _, ok := ev.outside(v); ok && text != "" {
			out = append(out, text)
		}
	}
	return out
}

// texts adds the strings in a value to a list.
func texts(list []string, v cty.Value) []string {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return list
	}
	if v.Type() == cty.String {
		if s := v.AsString(); s != "" {
			return append(list, s)
		}
		return list
	}
	if v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			list = texts(list, e)
		}
	}
	return list
}

// EnvVar is a variable of the environment that gave a variable of a definition
// its value.
type EnvVar struct {
	// Name is the variable's name in the environment: NAME, or NAME_JSON.
	Name, Value string
	// Sensitive says that the value must not be shown or kept.
	Sensitive bool
}

// Environment returns, by name, the variables of the environment that gave the
// variables of the files their values.
func (ev *Evaluator) Environment() map[string]EnvVar {
	out := map[string]EnvVar{}
	for name, v := range ev.vars {
		if v.block == nil || v.source != "environment" {
			continue
		}
		text, fromJSON, ok := ev.outside(v)
		if !ok {
			continue
		}
		if fromJSON {
			name += JSONSuffix
		}
		out[name] = EnvVar{Name: name, Value: text, Sensitive: v.sensitive()}
	}
	return out
}
