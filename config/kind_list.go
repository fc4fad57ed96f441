package config

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// list is an attribute that holds a list of strings.
type list struct {
	grows     bool // a later list is put behind the earlier one, not in its place
	onlyGrows bool // so does an override, even one with "="
	escape    bool // --print doubles the "$" of "${"
}

func (list) decode(v cty.Value) (any, error) {
	l, err := convert.Convert(v, cty.List(cty.String))
	if err != nil {
		return nil, wrongElement(err, v, "a list of strings")
	}
	out := make([]string, 0, l.LengthInt())
	for it := l.ElementIterator(); it.Next(); {
		i, e := it.Element()
		if e.IsNull() {
			return nil, cty.Path{cty.IndexStep{Key: i}}.NewErrorf("an element of the list is null")
		}
		out = append(out, e.AsString())
	}
	return out, nil
}

func (list) encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.List(cty.String))
	}
	return stringList(v.([]string))
}

func stringList(list []string) cty.Value {
	if len(list) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	vals := make([]cty.Value, len(list))
	for i, s := range list {
		vals[i] = cty.StringVal(s)
	}
	return cty.ListVal(vals)
}

func (k list) merge(earlier, later any) any {
	if !k.grows {
		return later
	}
	return slices.Concat(earlier.([]string), later.([]string))
}

func (list) normalize(v any) any { return unique(v.([]string)) }

func (k list) override(v any, o *override) (any, error) {
	old, _ := v.([]string)
	if k.onlyGrows || o.append {
		return slices.Concat(old, o.values), nil
	}
	return slices.Clone(o.values), nil
}

func (k list) show(v any) any {
	l := v.([]string)
	if len(l) == 0 {
		return nil
	}
	if !k.escape {
		return l
	}
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = escapeTemplate(s)
	}
	return out
}

// unique returns the list without empty strings and without what came before.
func unique(l []string) []string {
	if len(l) == 0 {
		return l
	}
	if len(l) == 1 && l[0] != "" {
		return l
	}
	seen := make(map[string]bool, len(l))
	out := make([]string, 0, len(l))
	for _, s := range l {
		if s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// wrongElement says of a value that could not be converted which of its
// elements is wrong, or else that the whole is.
func wrongElement(err error, v cty.Value, want string) error {
	if pe, ok := err.(cty.PathError); ok && len(pe.Path) > 0 {
		return pe.Path.NewErrorf("it must be %s, and of this element: %s", want, pe.Error())
	}
	return fmt.Errorf("it must be %s, and this is %s", want, article(v.Type()))
}
