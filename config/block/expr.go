package block

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/schema"
)

// blockExpr is a block as one expression whose value is an object of its
// attributes, so that a block is evaluated and inherited as an attribute is.
type blockExpr struct{ block *schema.Block }

// Value evaluates every attribute of the block.
func (e blockExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := map[string]cty.Value{}
	for _, name := range attribute.SortedKeys(e.block.Attrs) {
		v, more := e.block.Attrs[name].Expr.Value(ctx)
		diags = append(diags, more...)
		out[name] = v
	}
	return cty.ObjectVal(out), diags
}

// Variables lists what the attributes refer to.
func (e blockExpr) Variables() []hcl.Traversal {
	var out []hcl.Traversal
	for _, name := range attribute.SortedKeys(e.block.Attrs) {
		out = append(out, e.block.Attrs[name].Expr.Variables()...)
	}
	return out
}

// Range is the first line of the block.
func (e blockExpr) Range() hcl.Range { return e.block.DefRange }

// StartRange is the same.
func (e blockExpr) StartRange() hcl.Range { return e.block.DefRange }

// ExprMap lists the attributes for hcl.ExprMap, in the order of their names.
func (e blockExpr) ExprMap() []hcl.KeyValuePair {
	var out []hcl.KeyValuePair
	for _, name := range attribute.SortedKeys(e.block.Attrs) {
		a := e.block.Attrs[name]
		out = append(out, hcl.KeyValuePair{Key: hcl.StaticExpr(cty.StringVal(name), a.NameRange), Value: a.Expr})
	}
	return out
}

// ranges says where the block and its attributes are written, by the names that
// they have as an attribute of a target.
func (e blockExpr) ranges(name string) map[string]hcl.Range {
	out := map[string]hcl.Range{name: e.block.DefRange}
	for key, at := range eval.ElementRanges(e) {
		out[name+"."+key] = at
	}
	return out
}
