package config

import (
	"maps"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// table is an attribute that holds strings by name. An entry may be null,
// which is as if it were not there.
type table struct {
	escape bool // --print doubles the "$" of "${"
}

func (table) decode(v cty.Value) (any, error) {
	m, err := stringMap(v)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*string, m.LengthInt())
	for it := m.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if e.IsNull() {
			out[k.AsString()] = nil
			continue
		}
		s := e.AsString()
		out[k.AsString()] = &s
	}
	return out, nil
}

// stringMap converts a value to a map of strings.
func stringMap(v cty.Value) (cty.Value, error) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return v, wrongElement(nil, v, "a map of strings")
	}
	m, err := convert.Convert(v, cty.Map(cty.String))
	if err != nil {
		return v, wrongElement(err, v, "a map of strings")
	}
	return m, nil
}

func (table) encode(v any) cty.Value {
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

func (table) merge(earlier, later any) any {
	out := maps.Clone(earlier.(map[string]*string))
	for k, s := range later.(map[string]*string) {
		if s != nil {
			out[k] = s
		}
	}
	return out
}

func (table) normalize(v any) any { return v }

func (table) override(v any, o *override) (any, error) {
	old, _ := v.(map[string]*string)
	out := make(map[string]*string, len(old)+1)
	maps.Copy(out, old)
	s := o.value()
	out[o.sub] = &s
	return out, nil
}

func (k table) show(v any) any {
	m := plain(v)
	if len(m) == 0 {
		return nil
	}
	if k.escape {
		for name, s := range m {
			m[name] = escapeTemplate(s)
		}
	}
	return m
}

// plain returns the entries of a table that are not null.
func plain(v any) map[string]string {
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

// hiddenTable is a table that the peer's JSON does not have.
type hiddenTable struct{ table }

func (hiddenTable) show(any) any { return nil }
