package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
)

// given returns the value of a variable that the importing file passes,
// or --var NAMESPACE.NAME sets; def is its default.
func (ev *Evaluator) given(v *variable, def cty.Value) (cty.Value, hcl.Diagnostics, bool) {
	if ev.in.Prefix == "" {
		return cty.NilVal, nil, false
	}
	g, ok := ev.in.Given[v.name]
	if ok {
		g.Used = true
	}
	if text, set := ev.in.Vars[ev.in.Prefix+v.name]; set {
		v.source = "--var"
		value, err := v.read(text, def)
		if err != nil {
			return cty.DynamicVal, hcl.Diagnostics{ev.misfit(v, v.at(), err)}, true
		}
		return value, nil, true
	}
	if !ok {
		return cty.NilVal, nil, false
	}
	v.source = "import"
	value, err := attribute.Convert(g.Value, v.typ)
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{ev.misfit(v, g.At, err)}, true
	}
	return value, nil, true
}

// misfit reports a value that does not fit the type of a variable.
func (ev *Evaluator) misfit(v *variable, at hcl.Range, err error) *hcl.Diagnostic {
	where := v.at()
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid value for a variable",
		Detail: fmt.Sprintf("The value of %s%s from %s does not fit: %v. The variable is at %s:%d:%d.",
			ev.in.Prefix, v.name, v.origin(), err, where.Filename, where.Start.Line, where.Start.Column),
		Subject: at.Ptr(),
	}
}
