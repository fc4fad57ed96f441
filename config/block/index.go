package block

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/schema"
)

// Index has the targets and groups of the files that are evaluated together: what
// target.NAME and group.NAME refer to. It is the eval.References of their
// expressions.
type Index struct {
	ev      *eval.Evaluator
	names   namespace
	targets map[string][]*Target
	groups  map[string]*Group
}

// NewIndex returns an empty Index, and what evaluates the expressions of its files.
func NewIndex(in *eval.Inputs) (*Index, *eval.Evaluator) {
	x := &Index{names: namespace(in.Prefix), targets: map[string][]*Target{}, groups: map[string]*Group{}}
	x.ev = eval.New(in, x)
	return x, x.ev
}

// Add enters a target that expressions can refer to. Of several with the same name
// they see the last one.
func (x *Index) Add(t *Target) { x.targets[t.Name] = append(x.targets[t.Name], t) }

// AddGroup enters a group.
func (x *Index) AddGroup(g *Group) {
	g.index = x
	x.groups[g.Name] = g
}

// last is the target that a reference means, or nil.
func (x *Index) last(name string) *Target {
	blocks := x.targets[name]
	if len(blocks) == 0 {
		return nil
	}
	return blocks[len(blocks)-1]
}

// Target implements eval.References.
func (x *Index) Target(name, attr string) (map[string]cty.Value, hcl.Diagnostics) {
	t := x.last(name)
	if t == nil {
		return nil, nil
	}
	out := map[string]cty.Value{"name": cty.StringVal(name)}
	var diags hcl.Diagnostics
	for i := range attribute.Attributes {
		a := &attribute.Attributes[i]
		if attr != "" && attr != a.Name || !schema.HasAttribute(a.Name, t.block.Dialect) {
			continue
		}
		diags = append(diags, t.load(i)...)
		out[a.Name] = a.Kind.Encode(t.Values[i])
	}
	return out, diags
}

// Group implements eval.References.
func (x *Index) Group(name string) (map[string]cty.Value, hcl.Diagnostics) {
	g, ok := x.groups[name]
	if !ok {
		return nil, nil
	}
	return g.reference()
}

// Expression implements eval.References.
func (x *Index) Expression(name, attr string) (hcl.Expression, *hcl.EvalContext) {
	t := x.last(name)
	if t == nil {
		return nil, nil
	}
	for i := range attribute.Attributes {
		if attribute.Attributes[i].Name == attr {
			return t.block.exprs[i], t.scope
		}
	}
	return nil, nil
}

// contextOf returns the context that target.NAME.context stands for, if that
// is the whole expression.
func (x *Index) contextOf(expr hcl.Expression) *attribute.Place {
	name, attr := eval.TargetAttribute(expr)
	if t := x.last(name); t != nil && attr == "context" {
		if p, ok := t.Values[attribute.AtContext].(attribute.Place); ok {
			return &p
		}
	}
	return nil
}
