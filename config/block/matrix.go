package block

import (
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/schema"
)

// maxTargets is how many targets one matrix may make.
const maxTargets = 50_000

// Expand makes the targets of a block: one, or one for each combination of its
// matrix. unknown says that some are missing because the matrix depends on
// something that could not be evaluated.
func (x *Index) Expand(t *schema.Target, base string) (targets []*Target, unknown bool, diags hcl.Diagnostics) {
	b := newTargetBlock(t, x, base)
	if diag := CheckName(b.Label, b.LabelRange); diag != nil {
		return nil, false, hcl.Diagnostics{diag}
	}
	if b.Attr("matrix") == nil {
		targets, diags = b.single()
		return targets, false, diags
	}
	combinations, diags := x.combinations(b.Attr("matrix"))
	if diags.HasErrors() {
		return nil, false, diags
	}
	targets, more := b.each(combinations)
	return targets, combinations == nil, append(diags, more...)
}

// single makes the one target of a block without a matrix.
func (b *targetBlock) single() ([]*Target, hcl.Diagnostics) {
	if b.Attr("name") != nil {
		return nil, hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Name without a matrix",
			Detail:   "A target is named by its label; name is for the targets of a matrix.",
			Subject:  b.AttrRange("name").Ptr(),
		}}
	}
	return []*Target{{block: b, Name: b.Label, scope: b.scope(b.Label, nil)}}, nil
}

// each makes one target for each combination.
func (b *targetBlock) each(combinations []map[string]cty.Value) ([]*Target, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := make([]*Target, 0, len(combinations))
	seen := make(map[string]bool, len(combinations))
	for _, axes := range combinations {
		t := &Target{block: b, scope: b.scope("", axes)}
		var more hcl.Diagnostics
		t.Name, more = b.nameIn(t.scope)
		diags = append(diags, more...)
		if more.HasErrors() {
			return nil, diags
		}
		if seen[t.Name] {
			return nil, append(diags, b.duplicateName(t.Name))
		}
		seen[t.Name] = true
		if _, axis := axes["self"]; !axis && !b.ev.Declared("self") {
			t.scope.Variables["self"] = self(t.Name)
		}
		out = append(out, t)
	}
	return out, diags
}

// scope returns the scope of a target, with the values of its matrix.
func (b *targetBlock) scope(name string, axes map[string]cty.Value) *hcl.EvalContext {
	names := make(map[string]cty.Value, len(axes)+1)
	maps.Copy(names, axes)
	if name != "" && !b.ev.Declared("self") {
		names["self"] = self(name)
	}
	return b.ev.Scope(names)
}

// self is the value by which the expressions of a target name it.
func self(name string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(name)})
}

// nameIn evaluates the name of a target with the values of its matrix.
func (b *targetBlock) nameIn(scope *hcl.EvalContext) (string, hcl.Diagnostics) {
	name := b.Attr("name")
	if name == nil {
		return b.Label, nil
	}
	v, diags := b.ev.Eval(name, scope, eval.NoRefs)
	if diags.HasErrors() {
		return "", diags
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() || !s.IsKnown() {
		return "", append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Name is not a string",
			Detail:   fmt.Sprintf("The name of a target must be a string, and this is %s.", attribute.Article(v.Type())),
			Subject:  name.Range().Ptr(),
		})
	}
	if diag := CheckName(s.AsString(), name.Range()); diag != nil {
		diag.Expression, diag.EvalContext = name, scope
		return "", append(diags, diag)
	}
	return s.AsString(), diags
}

func (b *targetBlock) duplicateName(name string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Two targets of one name",
		Detail:   fmt.Sprintf("Two combinations of the matrix are called %q.", name),
		Subject:  b.AttrRange("matrix").Ptr(),
	}
	if b.Attr("name") == nil {
		d.Detail += ` Give each its own, as in name = "` + b.Label + `-${AXIS}".`
	} else {
		d.Subject = b.AttrRange("name").Ptr()
	}
	return d
}

// combinations lists the combinations of a matrix: the first axis, in the
// order of names, changes fastest. It is nil for a matrix that is not known, after
// an error that was reported.
func (x *Index) combinations(matrix hcl.Expression) ([]map[string]cty.Value, hcl.Diagnostics) {
	v, diags := x.ev.Root(matrix, eval.NoRefs)
	if diags.HasErrors() {
		return nil, diags
	}
	wrong := func(detail string) ([]map[string]cty.Value, hcl.Diagnostics) {
		return nil, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Invalid matrix", Detail: detail, Subject: matrix.Range().Ptr(),
		})
	}
	if !v.IsKnown() {
		return nil, diags
	}
	if v.IsNull() || !v.Type().IsMapType() && !v.Type().IsObjectType() {
		return wrong("A matrix is a map from the names of axes to lists of values.")
	}
	axes := v.AsValueMap()
	combinations := []map[string]cty.Value{{}}
	for _, axis := range attribute.SortedKeys(axes) {
		if !axes[axis].IsKnown() {
			return nil, diags
		}
		if !axes[axis].CanIterateElements() {
			return wrong(fmt.Sprintf("The axis %q must be a list of values.", axis))
		}
		if n := len(combinations) * axes[axis].LengthInt(); n > maxTargets {
			return wrong(fmt.Sprintf("The matrix makes more than %d targets.", maxTargets))
		}
		next := make([]map[string]cty.Value, 0, len(combinations)*axes[axis].LengthInt())
		for it := axes[axis].ElementIterator(); it.Next(); {
			_, value := it.Element()
			for _, c := range combinations {
				with := make(map[string]cty.Value, len(axes)+1)
				maps.Copy(with, c)
				with[axis] = value
				next = append(next, with)
			}
		}
		combinations = next
	}
	return combinations, diags
}
