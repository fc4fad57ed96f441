package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/schema"
)

// What bake does not take in a variable block is refused in a bake file,
// so that a file that orch reads works with bake too. build.hcl is free of
// these rules.

// checkDescription reports a description in a bake file that is not a plain
// text.
func checkDescription(b schema.Block) hcl.Diagnostics {
	expr := b.Attr("description")
	if expr == nil || b.Dialect != schema.Bake {
		return nil
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		return diags
	}
	s, err := convert.Convert(v, cty.String)
	if err == nil && s.IsNull() {
		err = fmt.Errorf("it cannot be null")
	}
	if err != nil {
		return hcl.Diagnostics{WrongType("description", expr, nil, err)}
	}
	return nil
}

// strangeCall reports a validation in a bake file that calls a function of the
// files which no variable has called: bake does not know it there.
func (ev *Evaluator) strangeCall(v *variable, rule *schema.Validation) *hcl.Diagnostic {
	if v.block.Dialect != schema.Bake {
		return nil
	}
	for _, c := range append(calls(rule.Condition), calls(rule.ErrorMessage)...) {
		if ev.funcs[c.name] == nil || ev.calledByVariable(c.name) {
			continue
		}
		return &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Call of a function of the files",
			Detail: fmt.Sprintf("A validation in a bake file can call %s() only if the default of a variable does so too; "+
				"docker buildx bake does not know it here otherwise. In build.hcl it can be called.", c.name),
			Subject: c.at.Ptr(),
		}
	}
	return nil
}

// calledByVariable reports whether evaluating the variables calls a function
// of the files, directly or through others.
func (ev *Evaluator) calledByVariable(name string) bool {
	seen := map[string]bool{}
	var visit func(expr hcl.Expression) bool
	visit = func(expr hcl.Expression) bool {
		for _, c := range calls(expr) {
			if c.name == name {
				return true
			}
			if f := ev.funcs[c.name]; f != nil && !seen[c.name] {
				seen[c.name] = true
				if visit(f.result) {
					return true
				}
			}
		}
		return false
	}
	for _, v := range ev.vars {
		if v.constant != nil && visit(v.constant.Expr) || v.block != nil && visit(v.block.Attr("default")) {
			return true
		}
	}
	return false
}
