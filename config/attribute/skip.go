package attribute

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// SkipSettings holds the attributes of a skip block that are written, as texts.
type SkipSettings map[string]string

// In gives a relative path of the key its folder.
func (s SkipSettings) In(folder string) SkipSettings {
	if key, ok := s["key"]; ok {
		s = maps.Clone(s)
		s["key"] = FromFolder(folder, key)
	}
	return s
}

// SkipKind is the skip block of a target, which counts as an attribute whose
// value is an object.
type SkipKind struct{}

// Decode reads the attributes of a block as texts.
func (SkipKind) Decode(v cty.Value) (any, error) {
	out := SkipSettings{}
	for name, attr := range v.AsValueMap() {
		if attr.IsNull() {
			continue
		}
		s, err := convert.Convert(attr, cty.String)
		if err != nil {
			return nil, cty.GetAttrPath(name).NewErrorf("it must be a string, and this is %s", Article(attr.Type()))
		}
		out[name] = s.AsString()
	}
	return out, nil
}

// Encode gives an object with all attributes of the block, of which those that
// are not written are null.
func (SkipKind) Encode(v any) cty.Value {
	s, _ := v.(SkipSettings)
	out := map[string]cty.Value{}
	for _, name := range skipNames() {
		out[name] = cty.NullVal(cty.String)
		if text, ok := s[name]; ok {
			out[name] = cty.StringVal(text)
		}
	}
	return cty.ObjectVal(out)
}

// Merge puts each attribute that the later block has in the place of the
// earlier one.
func (SkipKind) Merge(earlier, later any) any {
	out := maps.Clone(earlier.(SkipSettings))
	maps.Copy(out, later.(SkipSettings))
	return out
}

// Normalize changes nothing.
func (SkipKind) Normalize(v any) any { return v }

// Override changes one attribute of the block.
func (SkipKind) Override(v any, o *Change) (any, error) {
	names := skipNames()
	if !slices.Contains(names, o.Sub) {
		return nil, fmt.Errorf("a skip block has no attribute %q%s", o.Sub, suggest.Sentence(o.Sub, names))
	}
	out := SkipSettings{}
	if old, ok := v.(SkipSettings); ok {
		out = maps.Clone(old)
	}
	out[o.Sub] = o.value()
	return out, nil
}

// Show is not called: bake's JSON has no such thing.
func (SkipKind) Show(any) any { return nil }

func skipNames() []string {
	var names []string
	for _, a := range schema.SkipAttributes() {
		names = append(names, a.Name)
	}
	return names
}
