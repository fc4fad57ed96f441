package attribute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
)

// List is an attribute that holds a list of strings.
type List struct {
	grows     bool // a later list is put behind the earlier one, not in its place
	onlyGrows bool // so does an override, even one with "="
}

// Decode reads a list whose elements can be written as text; none may be null.
func (List) Decode(v cty.Value) (any, error) {
	l, err := Convert(v, cty.List(cty.String))
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

// Encode gives a list of strings.
func (List) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.List(cty.String))
	}
	return StringList(v.([]string))
}

// StringList is a list of strings as a value of the language.
func StringList(list []string) cty.Value {
	if len(list) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	vals := make([]cty.Value, len(list))
	for i, s := range list {
		vals[i] = cty.StringVal(s)
	}
	return cty.ListVal(vals)
}

// Merge puts the later list behind the earlier one if the attribute grows, else
// in its place.
func (k List) Merge(earlier, later any) any {
	if !k.grows {
		return later
	}
	return slices.Concat(earlier.([]string), later.([]string))
}

// Normalize removes empty strings and duplicates.
func (List) Normalize(v any) any { return Unique(v.([]string)) }

// Override replaces the list, or with "+=" puts the values behind it.
func (k List) Override(v any, o *Change) (any, error) {
	old, _ := v.([]string)
	if k.onlyGrows || o.append {
		return slices.Concat(old, o.Values), nil
	}
	return slices.Clone(o.Values), nil
}

// Show gives the list, or nil for an empty one.
func (List) Show(v any) any {
	l := v.([]string)
	if len(l) == 0 {
		return nil
	}
	return l
}

// Unique returns the list without empty strings and without what came before.
func Unique(l []string) []string {
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
	return fmt.Errorf("it must be %s, and this is %s", want, Article(v.Type()))
}

// BuiltFor are the platforms of a target that has not been checked yet: those
// that cannot be read are left out.
func BuiltFor(v any) []spec.Platform {
	var out []spec.Platform
	texts, _ := v.([]string)
	for _, text := range texts {
		more, _ := spec.ParsePlatforms(strings.Split(text, ","))
		out = append(out, more...)
	}
	return out
}
