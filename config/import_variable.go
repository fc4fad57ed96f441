package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// givenValue returns the value of a variable that the importing file passes,
// or --var NAMESPACE.NAME sets; def is its default.
func (ev *evaluator) givenValue(v *variable, def cty.Value) (cty.Value, hcl.Diagnostics, bool) {
	if !ev.mod.imported {
		return cty.NilVal, nil, false
	}
	g, ok := ev.mod.given[v.name]
	if ok {
		g.used = true
		ev.mod.given[v.name] = g
	}
	if text, set := ev.opts.Vars[ev.mod.prefix+v.name]; set {
		v.source = "--var"
		value, err := v.read(text, false, def)
		if err != nil {
			return cty.DynamicVal, hcl.Diagnostics{ev.unfit(v, v.at(), err)}, true
		}
		return value, nil, true
	}
	if !ok {
		return cty.NilVal, nil, false
	}
	v.source = "import"
	value, err := convert.Convert(g.value, v.typ)
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{ev.unfit(v, g.at, err)}, true
	}
	return value, nil, true
}

// unfit reports a value that does not fit the type of a variable.
func (ev *evaluator) unfit(v *variable, at hcl.Range, err error) *hcl.Diagnostic {
	where := v.at()
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid value for a variable",
		Detail: fmt.Sprintf("The value of %s%s from %s does not fit: %v. The variable is at %s:%d:%d.",
			ev.mod.prefix, v.name, v.origin(), err, where.Filename, where.Start.Line, where.Start.Column),
		Subject: at.Ptr(),
	}
}
