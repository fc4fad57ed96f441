package attribute

import (
	"fmt"
	"maps"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Table is an attribute that holds strings by name. An entry may be null,
// which is as if it were not there.
type Table struct{}

// Decode reads a map whose values can be written as text, or are null.
func (Table) Decode(v cty.Value) (any, error) { return stringMap(v) }

// stringMap reads an object or a map whose values can be written as text;
// null stays null.
func stringMap(v cty.Value) (map[string]*string, error) {
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		return nil, fmt.Errorf("it must be a map of strings, and this is %s", Article(t))
	}
	out := make(map[string]*string, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		name := k.AsString()
		s, err := convert.Convert(e, cty.String)
		if err != nil {
			return nil, cty.Path{cty.IndexStep{Key: k}}.NewErrorf("the value of %q must be a string, and this is %s", name, Article(e.Type()))
		}
		if s.IsNull() {
			out[name] = nil
			continue
		}
		text := s.AsString()
		out[name] = &text
	}
	return out, nil
}

// Encode gives a map of strings.
func (Table) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Map(cty.String))
	}
	vals := map[string]cty.Value{}
	for k, s := range v.(map[string]*string) {
		if s == nil {
			vals[k] = cty.NullVal(cty.String)
		} else {
			vals[k] = cty.StringVal(*s)
		}
	}
	if len(vals) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	return cty.MapVal(vals)
}

// Merge adds the later entries; one that is null leaves the earlier one as it
// is.
func (Table) Merge(earlier, later any) any {
	out := maps.Clone(earlier.(map[string]*string))
	for k, s := range later.(map[string]*string) {
		if s != nil {
			out[k] = s
		}
	}
	return out
}

// Normalize changes nothing.
func (Table) Normalize(v any) any { return v }

// Override sets one entry.
func (Table) Override(v any, o *Change) (any, error) {
	old, _ := v.(map[string]*string)
	out := make(map[string]*string, len(old)+1)
	maps.Copy(out, old)
	s := o.value()
	out[o.Sub] = &s
	return out, nil
}

// Show gives the entries that are not null, or nil if there are none.
func (Table) Show(v any) any {
	m := Plain(v)
	if len(m) == 0 {
		return nil
	}
	return m
}

// Plain returns the entries of a table that are not null.
func Plain(v any) map[string]string {
	var out map[string]string
	for k, s := range v.(map[string]*string) {
		if s == nil {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = *s
	}
	return out
}
