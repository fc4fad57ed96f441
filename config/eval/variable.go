package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// variable is a variable block, a constant at the top of a file, or both: the
// constant is then the default of the variable.
type variable struct {
	name     string
	block    *schema.Variable // nil for a mere constant
	constant *hcl.Attribute   // nil for a mere variable

	typ    cty.Type
	typed  bool   // whether typ was written
	source string // where the value came from: "default", "environment", …
}

func (v *variable) at() hcl.Range {
	if v.block != nil {
		return v.block.LabelRange
	}
	return v.constant.NameRange
}

// reserved are the names that a variable cannot have.
func (ev *Evaluator) reserved(name string) bool {
	_, builtin := ev.in.Builtins[name]
	return builtin || name == "target" || name == "group"
}

// declareVariables enters the variables and constants of the files. Of two blocks with
// the same name the later one counts.
func (ev *Evaluator) declareVariables(files []*schema.File) hcl.Diagnostics {
	var diags hcl.Diagnostics
	get := func(name string) *variable {
		if ev.vars[name] == nil {
			ev.vars[name] = &variable{name: name, typ: cty.DynamicPseudoType}
		}
		return ev.vars[name]
	}
	for _, f := range files {
		for _, b := range f.Variables {
			if ev.reserved(b.Label) {
				diags = append(diags, ignored(b.Block, fmt.Sprintf("%q is a name of the language, so it cannot be a variable.", b.Label)))
				continue
			}
			get(b.Label).block = b
			diags = append(diags, checkDescription(b.Block)...)
		}
		for name, attr := range f.Constants {
			if !ev.reserved(name) {
				get(name).constant = attr
			}
		}
	}
	return diags
}

// ignored reports a block that has no effect: a warning in a bake file, where
// bake says nothing, else an error.
func ignored(b schema.Block, detail string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Reserved name for a %s", b.Kind),
		Detail:   detail,
		Subject:  b.LabelRange.Ptr(),
	}
	if b.Dialect == schema.Bake {
		d.Severity = hcl.DiagWarning
		d.Detail += " The block has no effect."
	}
	return d
}

// loadVariables evaluates all variables, so that an error in any of them is
// found, and then checks them.
func (ev *Evaluator) loadVariables() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(ev.vars) {
		if v := ev.vars[name]; v.block != nil {
			diags = append(diags, ev.loadVariable(v)...)
		}
	}
	return append(diags, ev.validate()...)
}

// LoadConstants evaluates the constants. They may read targets, so this comes
// when the targets have their names.
func (ev *Evaluator) LoadConstants() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(ev.vars) {
		diags = append(diags, ev.loadVariable(ev.vars[name])...)
	}
	return diags
}

// loadVariable evaluates one variable and enters it in the root scope. After
// an error its value is unknown, so that the error is reported once.
func (ev *Evaluator) loadVariable(v *variable) hcl.Diagnostics {
	if _, done := ev.root.Variables[v.name]; done {
		return nil
	}
	if diag := ev.Enter("variable "+v.name, v.at()); diag != nil {
		return hcl.Diagnostics{diag}
	}
	defer ev.Leave()
	value, diags := ev.valueOf(v)
	if diags.HasErrors() {
		value = cty.DynamicVal
	}
	ev.root.Variables[v.name] = value
	return diags
}

// valueOf gives a variable its value: from outside, or else its default.
func (ev *Evaluator) valueOf(v *variable) (cty.Value, hcl.Diagnostics) {
	diags := v.readType()
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	value, more := ev.defaultOf(v)
	diags = append(diags, more...)
	if diags.HasErrors() || v.block == nil {
		return value, diags
	}
	if value, diags, ok := ev.given(v, value); ok {
		return value, diags
	}
	text, fromJSON, ok := ev.outside(v)
	if !ok {
		return value, diags
	}
	read := v.read
	if fromJSON && v.typed {
		read = v.readJSON
	}
	value, err := read(text, value)
	if err != nil {
		return cty.DynamicVal, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Invalid value for a variable",
			Detail:   fmt.Sprintf("The value of %s from %s does not fit: %v.", v.name, v.origin(), err),
			Subject:  v.at().Ptr(),
		})
	}
	return value, diags
}

// readType reads the type of the variable. A constant of the same name takes
// the type away, as in bake.
func (v *variable) readType() hcl.Diagnostics {
	if v.block == nil || v.constant != nil {
		return nil
	}
	expr := v.block.Attr("type")
	if expr == nil {
		return nil
	}
	t, diags := typeexpr.TypeConstraint(expr)
	if diags.HasErrors() {
		if value, d := expr.Value(nil); !d.HasErrors() && value.IsNull() {
			return nil
		}
		return diags
	}
	v.typ = t
	v.typed = t != cty.DynamicPseudoType || hcl.ExprAsKeyword(expr) == "any"
	return nil
}

// defaultOf evaluates the default: without one it is null for a variable with
// a type, else "".
func (ev *Evaluator) defaultOf(v *variable) (cty.Value, hcl.Diagnostics) {
	v.source = "default"
	expr := v.defaultExpr()
	if expr == nil {
		v.source = ""
		if v.typed {
			return cty.NullVal(v.typ), nil
		}
		return cty.StringVal(""), nil
	}
	value, diags := ev.Eval(expr, ev.root, Refs(v.block == nil))
	if diags.HasErrors() {
		return value, diags
	}
	converted, err := attribute.Convert(value, v.typ)
	if err != nil {
		return value, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Invalid default for a variable",
			Detail:   fmt.Sprintf("The default of %s does not fit its type, %s: %v.", v.name, v.typ.FriendlyName(), err),
			Subject:  expr.Range().Ptr(),
		})
	}
	return converted, diags
}

func (v *variable) defaultExpr() hcl.Expression {
	if v.constant != nil {
		return v.constant.Expr
	}
	return v.block.Attr("default")
}

// JSONSuffix marks a name whose value is JSON: V_JSON sets V.
const JSONSuffix = "_JSON"

// outside looks for a value from outside. NAME_JSON is looked at if there is
// no NAME, and first if the variable has a type.
func (ev *Evaluator) outside(v *variable) (text string, fromJSON, ok bool) {
	text, source, ok := ev.in.value(v.name)
	if !ok || v.typed {
		name := v.name + JSONSuffix
		_, builtin := ev.in.Builtins[name]
		other, declared := ev.vars[name]
		if !builtin && (!declared || other.block == nil) {
			if j, src, found := ev.in.value(name); found {
				text, source, fromJSON, ok = j, src, true, true
			}
		}
	}
	if ok {
		v.source = source
	}
	return text, fromJSON, ok
}

// origin names the source of the value for people.
func (v *variable) origin() string {
	switch v.source {
	case "environment":
		return "the environment"
	case "import":
		return "the import"
	}
	return v.source
}

// validate checks the conditions of all variables.
func (ev *Evaluator) validate() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range attribute.SortedKeys(ev.vars) {
		v := ev.vars[name]
		if v.block == nil {
			continue
		}
		for _, rule := range v.block.Validations {
			if diag := ev.strangeCall(v, rule); diag != nil {
				diags = append(diags, diag)
				continue
			}
			diags = append(diags, ev.check(v, rule)...)
		}
	}
	return diags
}

// check looks at one condition of a variable.
func (ev *Evaluator) check(v *variable, rule *schema.Validation) hcl.Diagnostics {
	result, diags := ev.Eval(rule.Condition, ev.root, NoRefs)
	if diags.HasErrors() || !result.IsKnown() {
		return diags
	}
	holds, err := convert.Convert(result, cty.Bool)
	if err != nil || holds.IsNull() {
		return append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Condition is neither true nor false",
			Detail:   fmt.Sprintf("The condition of %s must be true or false, and it is %s.", v.name, attribute.Article(result.Type())),
			Subject:  rule.Condition.Range().Ptr(),
		})
	}
	if holds.True() {
		return diags
	}
	message, more := ev.message(v, rule)
	diags = append(diags, more...)
	return append(diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Invalid value for the variable %s", v.name),
		Detail:   message,
		Subject:  rule.Condition.Range().Ptr(),
		Context:  rule.DefRange.Ptr(),
	})
}

// message evaluates what a failed condition says.
func (ev *Evaluator) message(v *variable, rule *schema.Validation) (string, hcl.Diagnostics) {
	unexplained := fmt.Sprintf("The value of %s does not meet this condition.", v.name)
	if rule.ErrorMessage == nil {
		return unexplained, nil
	}
	message, diags := ev.Eval(rule.ErrorMessage, ev.root, NoRefs)
	if diags.HasErrors() || !message.IsKnown() || message.IsNull() || message.Type() != cty.String {
		return unexplained, diags
	}
	return message.AsString(), diags
}
