package config

import (
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// instance is one target that a block makes: the only one, or one
// combination of the block's matrix.
type instance struct {
	block *blockInfo
	name  string
	// scope is where its expressions are evaluated; it holds the values of
	// the matrix.
	scope  *hcl.EvalContext
	values attribute.Values
	done   [attribute.NumAttributes]bool
}

// blockInfo is what the instances of one block share.
type blockInfo struct {
	*schema.Target
	ev     *evaluator // of the file that has the block
	base   string     // the folder that contexts are relative to, or ""
	exprs  [attribute.NumAttributes]hcl.Expression
	self   [attribute.NumAttributes]bool // which expressions refer to self
	ranges map[string]hcl.Range
	// selfish is true if any expression refers to self.
	selfish bool
	// volatile says of which arguments the value changes with each run; see
	// volatileArgs.
	volatile     map[string]string
	volatileDone bool
}

func newBlockInfo(b *schema.Target, ev *evaluator, base string) *blockInfo {
	info := &blockInfo{Target: b, ev: ev, base: base, ranges: map[string]hcl.Range{}}
	for i := range attribute.Attributes {
		name := attribute.Attributes[i].Name
		attr, ok := b.Attrs[name]
		if !ok {
			continue
		}
		info.exprs[i] = attr.Expr
		info.ranges[name] = attr.Range
		for key, at := range elementRanges(attr.Expr) {
			info.ranges[name+"."+key] = at
		}
		info.noteSelf(i)
	}
	if b.Cache != nil {
		expr := blockExpr{&b.Cache.Block}
		info.exprs[attribute.AtCache] = expr
		maps.Copy(info.ranges, expr.ranges("cache"))
		info.noteSelf(attribute.AtCache)
	}
	if b.Skip != nil {
		expr := blockExpr{&b.Skip.Block}
		info.exprs[attribute.AtSkip] = expr
		maps.Copy(info.ranges, expr.ranges("skip"))
		info.noteSelf(attribute.AtSkip)
	}
	return info
}

// noteSelf notes whether an expression refers to self.
func (b *blockInfo) noteSelf(i int) {
	for _, t := range b.exprs[i].Variables() {
		if t.RootName() == "self" {
			b.self[i], b.selfish = true, true
		}
	}
}

// elementRanges returns where the elements of a map are written whose keys are
// written out.
func elementRanges(expr hcl.Expression) map[string]hcl.Range {
	out := map[string]hcl.Range{}
	eachElement(expr, func(key string, p hcl.KeyValuePair) {
		out[key] = hcl.RangeBetween(p.Key.Range(), p.Value.Range())
	})
	return out
}

// elements returns their expressions.
func elements(expr hcl.Expression) map[string]hcl.Expression {
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

// load evaluates one attribute.
func (in *instance) load(ev *evaluator, i int) hcl.Diagnostics {
	if in.done[i] || in.block.exprs[i] == nil {
		return nil
	}
	what := "target." + in.name + "." + attribute.Attributes[i].Name
	if diag := ev.enter(step{what, in.block.exprs[i].Range()}); diag != nil {
		return hcl.Diagnostics{diag}
	}
	defer ev.leave()
	v, diags := in.evaluate(ev, i, in.scope)
	in.values[i], in.done[i] = v, true
	return diags
}

// evaluate evaluates one attribute in a scope.
func (in *instance) evaluate(ev *evaluator, i int, scope *hcl.EvalContext) (any, hcl.Diagnostics) {
	expr := in.block.exprs[i]
	value, diags := ev.eval(expr, scope, true)
	if diags.HasErrors() || !value.IsWhollyKnown() {
		return nil, diags
	}
	if value.IsNull() {
		if err := nullFits(attribute.Attributes[i].Kind, value); err != nil && in.block.Dialect == schema.Bake {
			diags = append(diags, wrongType(attribute.Attributes[i].Name, expr, scope, err))
		}
		return nil, diags
	}
	v, err := attribute.Attributes[i].Kind.Decode(value)
	if err != nil {
		return nil, append(diags, wrongType(attribute.Attributes[i].Name, expr, scope, err))
	}
	return in.based(ev, i, v), diags
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
func (in *instance) based(ev *evaluator, i int, v any) any {
	switch p := v.(type) {
	case attribute.Place:
		p.Base = in.block.base
		if from := ev.contextOf(in.block.exprs[i]); from != nil {
			p.Base = from.Base
		}
		return p
	case attribute.Places:
		for name, e := range p {
			e.Base = in.block.base
			p[name] = e
		}
	}
	return v
}

// contextOf returns the context that target.NAME.context stands for, if that
// is the whole expression.
func (ev *evaluator) contextOf(expr hcl.Expression) *attribute.Place {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(t) != 3 || t.RootName() != "target" {
		return nil
	}
	r := referenceOf(t)
	blocks := ev.instances[r.name]
	if r.attr != "context" || len(blocks) == 0 {
		return nil
	}
	if p, ok := blocks[len(blocks)-1].values[attribute.AtContext].(attribute.Place); ok {
		return &p
	}
	return nil
}

// wrongType reports a value of the wrong type, at the element that is wrong
// if the error names one.
func wrongType(name string, expr hcl.Expression, scope *hcl.EvalContext, err error) *hcl.Diagnostic {
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
		if at, ok := elementRanges(expr)[key.AsString()]; ok {
			return at
		}
	}
	return expr.Range()
}

// instances makes the instances of a target block.
func (ev *evaluator) expand(info *blockInfo) ([]*instance, hcl.Diagnostics) {
	if diag := checkName(info.Label, info.LabelRange); diag != nil {
		return nil, hcl.Diagnostics{diag}
	}
	matrix, name := info.Attr("matrix"), info.Attr("name")
	if matrix == nil {
		if name != nil {
			return nil, hcl.Diagnostics{{
				Severity: hcl.DiagError,
				Summary:  "Name without a matrix",
				Detail:   "A target is named by its label; name is for the targets of a matrix.",
				Subject:  info.AttrRange("name").Ptr(),
			}}
		}
		in := &instance{block: info, name: info.Label}
		in.scope = ev.scopeFor(info.Label, nil)
		return []*instance{in}, nil
	}
	combinations, diags := ev.combinations(matrix)
	if diags.HasErrors() {
		return nil, diags
	}
	out := make([]*instance, 0, len(combinations))
	seen := make(map[string]bool, len(combinations))
	for _, axes := range combinations {
		in := &instance{block: info, scope: ev.scopeFor("", axes)}
		var more hcl.Diagnostics
		in.name, more = ev.nameOf(info, name, in.scope)
		diags = append(diags, more...)
		if more.HasErrors() {
			return nil, diags
		}
		if seen[in.name] {
			return nil, append(diags, duplicateName(info, in.name))
		}
		seen[in.name] = true
		if _, axis := axes["self"]; !axis && !ev.declared("self") {
			in.scope.Variables["self"] = self(in.name)
		}
		out = append(out, in)
	}
	return out, diags
}

// scopeFor returns the scope of a target.
func (ev *evaluator) scopeFor(name string, axes map[string]cty.Value) *hcl.EvalContext {
	scope := ev.root.NewChild()
	scope.Variables = make(map[string]cty.Value, len(axes)+1)
	for k, v := range axes {
		scope.Variables[k] = v
	}
	if name != "" && !ev.declared("self") {
		scope.Variables["self"] = self(name)
	}
	return scope
}

// declared reports whether the files have a variable of that name.
func (ev *evaluator) declared(name string) bool { return ev.vars[name] != nil }

// self is the value by which the expressions of a target name it.
func self(name string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(name)})
}

func (ev *evaluator) nameOf(info *blockInfo, name hcl.Expression, scope *hcl.EvalContext) (string, hcl.Diagnostics) {
	if name == nil {
		return info.Label, nil
	}
	v, diags := ev.eval(name, scope, false)
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
	if diag := checkName(s.AsString(), name.Range()); diag != nil {
		diag.Expression, diag.EvalContext = name, scope
		return "", append(diags, diag)
	}
	return s.AsString(), diags
}

func duplicateName(info *blockInfo, name string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Two targets of one name",
		Detail:   fmt.Sprintf("Two combinations of the matrix are called %q.", name),
		Subject:  info.AttrRange("matrix").Ptr(),
	}
	if info.Attr("name") == nil {
		d.Detail += ` Give each its own, as in name = "` + info.Label + `-${AXIS}".`
	} else {
		d.Subject = info.AttrRange("name").Ptr()
	}
	return d
}

// checkName reports a name that no target or group may have.
func checkName(name string, at hcl.Range) *hcl.Diagnostic {
	ok := name != ""
	for _, r := range name {
		ok = ok && nameRune(r)
	}
	if ok {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid name",
		Detail:   fmt.Sprintf("%q cannot be a name: it may have letters, digits, \"_\" and \"-\".", name),
		Subject:  at.Ptr(),
	}
}

// combinations lists the combinations of a matrix: the first axis, in the
// order of names, changes fastest.
func (ev *evaluator) combinations(matrix hcl.Expression) ([]map[string]cty.Value, hcl.Diagnostics) {
	v, diags := ev.eval(matrix, ev.root, false)
	if diags.HasErrors() {
		return nil, diags
	}
	wrong := func(detail string) ([]map[string]cty.Value, hcl.Diagnostics) {
		return nil, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Invalid matrix", Detail: detail, Subject: matrix.Range().Ptr(),
		})
	}
	if !v.IsKnown() {
		ev.gap = true
		return nil, diags
	}
	if v.IsNull() || !v.Type().IsMapType() && !v.Type().IsObjectType() {
		return wrong("A matrix is a map from the names of axes to lists of values.")
	}
	axes := v.AsValueMap()
	combinations := []map[string]cty.Value{{}}
	for _, axis := range sortedKeys(axes) {
		if !axes[axis].IsKnown() {
			ev.gap = true
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
				for k, v := range c {
					with[k] = v
				}
				with[axis] = value
				next = append(next, with)
			}
		}
		combinations = next
	}
	return combinations, diags
}
