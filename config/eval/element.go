package eval

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
)

// ElementRanges returns where the elements of a map are written whose keys are
// written out.
func ElementRanges(expr hcl.Expression) map[string]hcl.Range {
	out := map[string]hcl.Range{}
	eachElement(expr, func(key string, p hcl.KeyValuePair) {
		out[key] = hcl.RangeBetween(p.Key.Range(), p.Value.Range())
	})
	return out
}

// Elements returns the expressions of such elements.
func Elements(expr hcl.Expression) map[string]hcl.Expression {
	out := map[string]hcl.Expression{}
	eachElement(expr, func(key string, p hcl.KeyValuePair) { out[key] = p.Value })
	return out
}

func eachElement(expr hcl.Expression, f func(key string, p hcl.KeyValuePair)) {
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		return
	}
	for _, p := range pairs {
		k, diags := p.Key.Value(nil)
		if diags.HasErrors() || k.IsNull() || k.Type() != cty.String {
			continue
		}
		f(k.AsString(), p)
	}
}

// WrongType reports a value of the wrong type, at the element that is wrong
// if the error names one.
func WrongType(name string, expr hcl.Expression, scope *hcl.EvalContext, err error) *hcl.Diagnostic {
	at := expr.Range()
	if pe, ok := err.(cty.PathError); ok {
		at = elementAt(expr, pe.Path)
	}
	return &hcl.Diagnostic{
		Severity:    hcl.DiagError,
		Summary:     fmt.Sprintf("Invalid value for %q", name),
		Detail:      attribute.Sentence(err),
		Subject:     at.Ptr(),
		Context:     expr.Range().Ptr(),
		Expression:  expr,
		EvalContext: scope,
	}
}

// elementAt returns where the element at the start of a path is written.
func elementAt(expr hcl.Expression, path cty.Path) hcl.Range {
	if len(path) == 0 {
		return expr.Range()
	}
	var key cty.Value
	switch s := path[0].(type) {
	case cty.GetAttrStep:
		key = cty.StringVal(s.Name)
	case cty.IndexStep:
		key = s.Key
	}
	if key.Type() == cty.Number {
		elems, diags := hcl.ExprList(expr)
		i, _ := key.AsBigFloat().Int64()
		if !diags.HasErrors() && int(i) < len(elems) {
			return elementAt(elems[i], path[1:])
		}
		return expr.Range()
	}
	if key.Type() == cty.String {
		if at, ok := ElementRanges(expr)[key.AsString()]; ok {
			return at
		}
	}
	return expr.Range()
}

// WrongType is WrongType for an expression in the scope of the files.
func (ev *Evaluator) WrongType(name string, expr hcl.Expression, err error) *hcl.Diagnostic {
	return WrongType(name, expr, ev.root, err)
}
