package block

import (
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/eval"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// Target is one target that a block makes: the only one, or one combination of
// the block's matrix.
type Target struct {
	Name   string
	Values attribute.Values // as far as they are evaluated

	block *targetBlock
	// scope is where its expressions are evaluated; it holds the values of
	// the matrix.
	scope *hcl.EvalContext
	done  [attribute.NumAttributes]bool
}

// targetBlock is what the targets of one block share.
type targetBlock struct {
	*schema.Target
	*Index        // of the file that has the block
	base   string // the folder that contexts are relative to, or ""
	exprs  [attribute.NumAttributes]hcl.Expression
	self   [attribute.NumAttributes]bool // which expressions refer to self
	ranges map[string]hcl.Range
	// usesSelf is true if any expression refers to self.
	usesSelf bool
	// volatile says of which arguments the value changes with each run; see
	// Volatile.
	volatile     map[string]string
	volatileDone bool
	// foreign holds the members of objects that were warned of: the targets of a
	// matrix share them.
	foreign map[string]bool
}

func newTargetBlock(t *schema.Target, x *Index, base string) *targetBlock {
	b := &targetBlock{Target: t, Index: x, base: base, ranges: map[string]hcl.Range{}, foreign: map[string]bool{}}
	for i := range attribute.Attributes {
		name := attribute.Attributes[i].Name
		attr, ok := t.Attrs[name]
		if !ok {
			continue
		}
		b.exprs[i] = attr.Expr
		b.ranges[name] = attr.Range
		for key, at := range eval.ElementRanges(attr.Expr) {
			b.ranges[name+"."+key] = at
		}
		b.noteSelf(i)
	}
	if t.Cache != nil {
		b.addBlock(attribute.AtCache, &t.Cache.Block)
	}
	if t.Skip != nil {
		b.addBlock(attribute.AtSkip, &t.Skip.Block)
	}
	return b
}

// addBlock enters a block inside the target as the expression of an attribute.
func (b *targetBlock) addBlock(i int, inner *schema.Block) {
	expr := blockExpr{inner}
	b.exprs[i] = expr
	maps.Copy(b.ranges, expr.ranges(inner.Kind))
	b.noteSelf(i)
}

// Plain returns a target whose values are known already: one that no block of
// build.hcl has.
func (x *Index) Plain(name string, values attribute.Values, base string, at hcl.Range) *Target {
	b := &schema.Target{Block: schema.Block{Kind: "target", Label: name, DefRange: at}}
	return &Target{Name: name, Values: values, block: &targetBlock{Target: b, Index: x, base: base}}
}

// At is where the block is written.
func (t *Target) At() hcl.Range { return t.block.DefRange }

// Base is the folder that contexts are relative to, or "".
func (t *Target) Base() string { return t.block.base }

// Ranges says where the attributes, and the elements of maps, are written.
func (t *Target) Ranges() map[string]hcl.Range { return t.block.ranges }

// UsesSelf reports whether any attribute refers to self.
func (t *Target) UsesSelf() bool { return t.block.usesSelf }

// Lenient reports whether the target is of a file in which bake's own rules hold.
func (t *Target) Lenient() bool { return t.block.Dialect == schema.Bake }

// noteSelf notes whether an expression refers to self.
func (b *targetBlock) noteSelf(i int) {
	for _, t := range b.exprs[i].Variables() {
		if t.RootName() == "self" {
			b.self[i], b.usesSelf = true, true
		}
	}
}

// Load evaluates every attribute, so that an error in any of them is found.
func (t *Target) Load() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for i := range attribute.Attributes {
		diags = append(diags, t.load(i)...)
	}
	return diags
}

// load evaluates one attribute, once.
func (t *Target) load(i int) hcl.Diagnostics {
	if t.done[i] || t.block.exprs[i] == nil {
		return nil
	}
	what := "target." + t.Name + "." + attribute.Attributes[i].Name
	if diag := t.block.ev.Enter(what, t.block.exprs[i].Range()); diag != nil {
		return hcl.Diagnostics{diag}
	}
	defer t.block.ev.Leave()
	v, diags := t.evaluate(i, t.scope)
	t.Values[i], t.done[i] = v, true
	return diags
}

// evaluate evaluates one attribute in a scope.
func (t *Target) evaluate(i int, scope *hcl.EvalContext) (any, hcl.Diagnostics) {
	expr, a := t.block.exprs[i], &attribute.Attributes[i]
	value, diags := t.block.ev.Eval(expr, scope, eval.WithRefs)
	if diags.HasErrors() || !value.IsWhollyKnown() {
		return nil, diags
	}
	if value.IsNull() {
		if err := nullFits(a.Kind, value); err != nil && t.Lenient() {
			diags = append(diags, eval.WrongType(a.Name, expr, scope, err))
		}
		return nil, diags
	}
	v, err := a.Kind.Decode(value)
	if err != nil {
		return nil, append(diags, eval.WrongType(a.Name, expr, scope, err))
	}
	return t.based(i, v), append(diags, t.foreign(a.Name, a.Kind, value)...)
}

// foreign warns of the members of an object that its attribute does not have.
func (t *Target) foreign(attr string, kind attribute.Kind, v cty.Value) hcl.Diagnostics {
	k, ok := kind.(attribute.Membered)
	if !ok {
		return nil
	}
	var diags hcl.Diagnostics
	for _, name := range attribute.Foreign(k, v) {
		if t.block.foreign[attr+"."+name] {
			continue
		}
		t.block.foreign[attr+"."+name] = true
		at, ok := t.block.ranges[attr+"."+name]
		if !ok {
			at = t.block.ranges[attr]
		}
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagWarning,
			Summary:  "Unknown attribute",
			Detail:   fmt.Sprintf("There is no attribute %q in %s.%s It has no effect.", name, attr, suggest.Sentence(name, k.Members())),
			Subject:  &at,
		})
	}
	return diags
}

// ValuesFor returns the values, with the names and paths that they have in the
// whole definition. If another target inherits them, its name as its own file has
// it is heir, and what refers to self is evaluated for that one.
func (t *Target) ValuesFor(heir string) (attribute.Values, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	v := t.Values
	if t.block.usesSelf && heir != "" {
		scope := t.scope.NewChild()
		scope.Variables = t.block.scope(heir, nil).Variables
		for i := range attribute.Attributes {
			if t.block.self[i] {
				var more hcl.Diagnostics
				v[i], more = t.evaluate(i, scope)
				diags = append(diags, more...)
			}
		}
	}
	t.block.names.localize(&v, t.block.base)
	return v, diags
}

// Parents lists the targets that are inherited, by their names in the whole
// definition.
func (t *Target) Parents() []string {
	parents, _ := t.Values[attribute.AtInherits].([]string)
	if t.block.names == "" {
		return parents
	}
	return t.block.names.qualified(parents)
}

// Linked lists the targets that the contexts name.
func (t *Target) Linked() []string {
	contexts, _ := t.Values[attribute.AtContexts].(attribute.Places)
	if t.block.names != "" {
		contexts = t.block.names.links(contexts)
	}
	var out []string
	for _, p := range contexts {
		if kind, name := attribute.Classify(p.Raw); kind == spec.LinkedTarget {
			out = append(out, name)
		}
	}
	return out
}

// Volatile says of which arguments the value changes with nearly every run, and
// why. The targets of one matrix have that in common.
func (t *Target) Volatile() map[string]string {
	b := t.block
	if b.exprs[attribute.AtArgs] == nil {
		return nil
	}
	if !b.volatileDone {
		args, _ := t.Values[attribute.AtArgs].(map[string]*string)
		b.volatile = b.ev.Volatile(b.exprs[attribute.AtArgs], t.scope, maps.Keys(args))
		b.volatileDone = true
	}
	return b.volatile
}

// nullFits looks at a null in a bake file as bake does, which takes it for
// "not written" in some attributes only, and there only of the right type.
func nullFits(k attribute.Kind, null cty.Value) error {
	unset := k.Encode(nil)
	if _, ok := k.(attribute.Resources); ok || !unset.IsNull() {
		return errors.New("it cannot be null in a bake file, only in build.hcl; write an empty list or object")
	}
	if _, err := convert.Convert(null, unset.Type()); err != nil {
		return fmt.Errorf("it must be %s, and this is a null of the type %s", attribute.Article(unset.Type()), null.Type().FriendlyName())
	}
	return nil
}

// based gives the contexts of an attribute the folder that they start from:
// that of the block, or that of the target that the context was taken from.
func (t *Target) based(i int, v any) any {
	switch p := v.(type) {
	case attribute.Place:
		p.Base = t.block.base
		if from := t.block.contextOf(t.block.exprs[i]); from != nil {
			p.Base = from.Base
		}
		return p
	case attribute.Places:
		for name, e := range p {
			e.Base = t.block.base
			p[name] = e
		}
	}
	return v
}

// Eval evaluates an expression of the target's file in the scope of the target.
func (t *Target) Eval(expr hcl.Expression) (cty.Value, hcl.Diagnostics) {
	return t.block.ev.Eval(expr, t.scope, true)
}
