package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/orch-build/orch/schema"
)

// bakeText returns the text of a bake file in HCL, without the names that
// have no effect there: in a build.hcl they are errors. It also returns what
// was left out.
func bakeText(src []byte) ([]byte, []string) {
	f, diags := hclwrite.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() {
		return src, nil
	}
	var dropped []string
	for _, b := range f.Body().Blocks() {
		attrs, ok := schema.AttributesOf(b.Type(), schema.Bake)
		if !ok {
			f.Body().RemoveBlock(b)
			dropped = append(dropped, "the block "+b.Type())
			continue
		}
		where := fmt.Sprintf("%s %q", b.Type(), strings.Join(b.Labels(), " "))
		for _, name := range slices.Sorted(maps.Keys(b.Body().Attributes())) {
			if !hasAttribute(attrs, name) {
				b.Body().RemoveAttribute(name)
				dropped = append(dropped, where+": "+name)
			}
		}
		for _, inner := range b.Body().Blocks() {
			if b.Type() != "variable" || inner.Type() != "validation" {
				b.Body().RemoveBlock(inner)
				dropped = append(dropped, where+": the block "+inner.Type())
			}
		}
	}
	return hclwrite.Format(f.Bytes()), dropped
}

func hasAttribute(attrs []schema.Attribute, name string) bool {
	return slices.ContainsFunc(attrs, func(a schema.Attribute) bool { return a.Name == name })
}

// fromJSON adds the blocks of a bake file in JSON, and returns what it leaves out
// because it has no effect.
func (d *document) fromJSON(src []byte) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, err
	}
	var dropped []string
	for _, kind := range slices.Sorted(maps.Keys(root)) {
		attrs, ok := schema.AttributesOf(kind, schema.Bake)
		if !ok {
			if kind != "//" {
				d.others = append(d.others, block{label: kind, attrs: map[string]any{kind: root[kind]}})
			}
			continue
		}
		for _, labels := range objects(root[kind]) {
			for _, label := range slices.Sorted(maps.Keys(labels)) {
				for _, body := range objects(labels[label]) {
					b := block{kind: kind, label: label, attrs: map[string]any{}}
					for _, name := range slices.Sorted(maps.Keys(body)) {
						if kind == "variable" && name == "validation" {
							b.addValidations(body[name])
						} else if hasAttribute(attrs, name) {
							b.attrs[name] = keywords(name, body[name])
						} else if name != "//" {
							dropped = append(dropped, fmt.Sprintf("%s %q: %s", kind, label, name))
						}
					}
					d.add(b)
				}
			}
		}
	}
	return dropped, nil
}

// add enters a block among those of its kind.
func (d *document) add(b block) {
	switch b.kind {
	case "variable":
		d.variables = append(d.variables, b)
	case "group":
		d.groups = append(d.groups, b)
	case "target":
		d.targets = append(d.targets, b)
	default:
		d.others = append(d.others, b)
	}
}

func (bl *block) addValidations(v any) {
	for i, body := range objects(v) {
		name := fmt.Sprintf("validation %d", i)
		bl.attrs[name] = block{kind: "validation", attrs: body}
	}
}

// objects returns an object, or the objects of a list of them.
func objects(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var out []map[string]any
		for _, e := range v {
			out = append(out, objects(e)...)
		}
		return out
	}
	return nil
}

// keywords returns the value of an attribute; in those that hold names and
// types, JSON writes in quotes what is bare in HCL.
func keywords(name string, v any) any {
	if name != "type" && name != "params" && name != "variadic_params" {
		return v
	}
	switch v := v.(type) {
	case string:
		return keyword(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = keywords(name, e)
		}
		return out
	}
	return v
}
