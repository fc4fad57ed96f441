package schema

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// jsonLoop is an expression of a JSON file with "for" in a template, or with many
// parts in templates. HCL reads templates in JSON anew each time it evaluates them,
// which leaves no place to count their rounds in; this reads them itself.
type jsonLoop struct{ hcl.Expression }

// fewParts is how many parts the templates of an expression may have without being
// weighed: each is at most as large as a value may be.
const fewParts = 16

// countJSON replaces an expression of a JSON file if it may have a "for", or has
// many parts in templates.
func countJSON(src []byte, expr hcl.Expression) hcl.Expression {
	text := expr.Range().SliceBytes(src)
	loops := bytes.Contains(text, []byte("for")) || bytes.ContainsRune(text, '\\') || bytes.Count(text, []byte("${")) > fewParts
	if !loops || !bytes.ContainsRune(text, '{') {
		return expr
	}
	return &jsonLoop{expr}
}

// UnwrapExpression gives HCL's own expression to functions that look at the
// syntax.
func (e *jsonLoop) UnwrapExpression() hcl.Expression { return e.Expression }

// Value evaluates as the expression itself does.
func (e *jsonLoop) Value(scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if scope == nil {
		return e.Expression.Value(nil)
	}
	if pairs, diags := hcl.ExprMap(e.Expression); !diags.HasErrors() {
		return jsonObject(pairs, scope)
	}
	if elements, diags := hcl.ExprList(e.Expression); !diags.HasErrors() {
		return jsonArray(elements, scope)
	}
	return jsonScalar(e.Expression, scope)
}

func jsonArray(elements []hcl.Expression, scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	vals := make([]cty.Value, len(elements))
	var diags, more hcl.Diagnostics
	for i, e := range elements {
		vals[i], more = (&jsonLoop{e}).Value(scope)
		diags = append(diags, more...)
	}
	return cty.TupleVal(vals), diags
}

func jsonObject(pairs []hcl.KeyValuePair, scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	attrs := make(map[string]cty.Value, len(pairs))
	var diags hcl.Diagnostics
	for _, p := range pairs {
		key, more := (&jsonLoop{p.Key}).Value(scope)
		diags = append(diags, more...)
		val, more := (&jsonLoop{p.Value}).Value(scope)
		diags = append(diags, more...)
		if diags.HasErrors() {
			continue
		}
		name, err := convert.Convert(key, cty.String)
		wrong := ""
		switch {
		case err != nil:
			wrong = fmt.Sprintf("it is not a text: %s", err)
		case name.IsNull() || !name.IsKnown():
			wrong = "it is null"
		default:
			if _, twice := attrs[name.AsString()]; twice {
				wrong = fmt.Sprintf("the key %q is there already", name.AsString())
			}
		}
		if wrong != "" {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Invalid key in an object",
				Detail:   "This cannot be a key: " + wrong + ".",
				Subject:  p.Key.Range().Ptr(),
			})
			continue
		}
		attrs[name.AsString()] = val
	}
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return cty.ObjectVal(attrs), diags
}

// jsonScalar evaluates a text as a template, and anything else as it is.
func jsonScalar(expr hcl.Expression, scope *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return v, diags
	}
	at := expr.Range()
	at.Start.Column++ // behind the quote
	at.Start.Byte++
	template, diags := hclsyntax.ParseTemplate([]byte(v.AsString()), at.Filename, at.Start)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	countRounds(template)
	return template.Value(scope)
}
