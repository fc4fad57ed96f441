package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// cacheSettings holds the attributes of a cache block that are written, as
// texts; those of options have optionPrefix before their names.
type cacheSettings map[string]string

const optionPrefix = "options."

// refBase holds the folder that a path in ref starts from, "" for the working
// directory. It is there wherever ref is, so that the two stay together.
const refBase = " base of ref"

// in says that a path in ref starts from a folder.
func (s cacheSettings) in(base string) cacheSettings {
	if _, ok := s["ref"]; ok {
		s = maps.Clone(s)
		s[refBase] = base
	}
	return s
}

// options returns the further fields.
func (s cacheSettings) options() map[string]string {
	out := map[string]string{}
	for k, v := range s {
		if name, ok := strings.CutPrefix(k, optionPrefix); ok {
			out[name] = v
		}
	}
	return out
}

// cacheKind is the cache block of a target, which counts as an attribute whose
// value is an object.
type cacheKind struct{}

func (cacheKind) decode(v cty.Value) (any, error) {
	out := cacheSettings{}
	for name, attr := range v.AsValueMap() {
		if attr.IsNull() {
			continue
		}
		if name == "options" {
			options, err := stringMap(attr)
			if err != nil {
				return nil, cty.GetAttrPath(name).NewError(err)
			}
			for k, s := range options {
				if s != nil {
					out[optionPrefix+k] = *s
				}
			}
			continue
		}
		s, err := convert.Convert(attr, cty.String)
		if err != nil {
			return nil, cty.GetAttrPath(name).NewErrorf("it must be a string, and this is %s", article(attr.Type()))
		}
		out[name] = s.AsString()
		if name == "when" {
			out[name] = conditionWord(out[name])
		}
	}
	return out.in(""), nil
}

// conditionWord turns a condition into the word for it.
func conditionWord(s string) string {
	switch s {
	case "true":
		return "always"
	case "false":
		return "never"
	}
	return s
}

func (cacheKind) encode(v any) cty.Value {
	s, _ := v.(cacheSettings)
	out := map[string]cty.Value{}
	for _, a := range schema.CacheAttributes() {
		out[a.Name] = cty.NullVal(cty.String)
		if text, ok := s[a.Name]; ok {
			out[a.Name] = cty.StringVal(text)
		}
	}
	options := map[string]cty.Value{}
	for k, text := range s.options() {
		options[k] = cty.StringVal(text)
	}
	out["options"] = cty.MapValEmpty(cty.String)
	if len(options) > 0 {
		out["options"] = cty.MapVal(options)
	}
	return cty.ObjectVal(out)
}

func (cacheKind) merge(earlier, later any) any {
	out := maps.Clone(earlier.(cacheSettings))
	maps.Copy(out, later.(cacheSettings))
	return out
}

func (cacheKind) normalize(v any) any { return v }

func (cacheKind) override(v any, o *override) (any, error) {
	var names []string
	for _, a := range schema.CacheAttributes() {
		names = append(names, a.Name)
	}
	if !slices.Contains(names, o.sub) && !strings.HasPrefix(o.sub, optionPrefix) || o.sub == "options" {
		return nil, fmt.Errorf("a cache block has no attribute %q%s", o.sub, suggest.Sentence(o.sub, names))
	}
	out := cacheSettings{}
	if old, ok := v.(cacheSettings); ok {
		out = maps.Clone(old)
	}
	out[o.sub] = o.value()
	if o.sub == "when" {
		out[o.sub] = conditionWord(out[o.sub])
	}
	if o.sub == "ref" {
		return out.in(""), nil
	}
	return out, nil
}

// show is not called: bake's JSON has no such thing.
func (cacheKind) show(any) any { return nil }

// blockExpr is a block as one expression whose value is an object of its
// attributes, so that a block is evaluated and inherited as an attribute is.
type blockExpr struct{ block *schema.Block }

// Value evaluates every attribute of the block.
func (e blockExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := map[string]cty.Value{}
	for _, name := range sortedKeys(e.block.Attrs) {
		v, more := e.block.Attrs[name].Expr.Value(ctx)
		diags = append(diags, more...)
		out[name] = v
	}
	return cty.ObjectVal(out), diags
}

// Variables lists what the attributes refer to.
func (e blockExpr) Variables() []hcl.Traversal {
	var out []hcl.Traversal
	for _, name := range sortedKeys(e.block.Attrs) {
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
	for _, name := range sortedKeys(e.block.Attrs) {
		a := e.block.Attrs[name]
		out = append(out, hcl.KeyValuePair{Key: hcl.StaticExpr(cty.StringVal(name), a.NameRange), Value: a.Expr})
	}
	return out
}

// ranges says where the block and its attributes stand, by the names that
// they have as an attribute of a target.
func (e blockExpr) ranges(name string) map[string]hcl.Range {
	out := map[string]hcl.Range{name: e.block.DefRange}
	for key, at := range elementRanges(e) {
		out[name+"."+key] = at
	}
	return out
}
