package attribute

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Text is an attribute that holds one string.
type Text struct{}

// Decode reads a value that can be written as text.
func (Text) Decode(v cty.Value) (any, error) {
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return nil, fmt.Errorf("it must be a string, and this is %s", Article(v.Type()))
	}
	return s.AsString(), nil
}

// Encode gives a string.
func (Text) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(v.(string))
}

// Merge gives the later string.
func (Text) Merge(_, later any) any { return later }

// Normalize changes nothing.
func (Text) Normalize(v any) any { return v }

// Override gives the string of the override.
func (Text) Override(_ any, o *Change) (any, error) { return o.value(), nil }

// Show gives the string.
func (Text) Show(v any) any { return v }

// description is a text of which "" counts as not written.
type description struct{ Text }

func (description) Encode(v any) cty.Value {
	if v == nil {
		return cty.StringVal("")
	}
	return cty.StringVal(v.(string))
}

func (description) Merge(earlier, later any) any {
	if later.(string) == "" {
		return earlier
	}
	return later
}

func (description) Show(v any) any {
	if v.(string) == "" {
		return nil
	}
	return v
}

// boolean is an attribute that is true or false.
type boolean struct{}

func (boolean) Decode(v cty.Value) (any, error) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return nil, fmt.Errorf("it must be true or false, and this is %s", Article(v.Type()))
	}
	return b.True(), nil
}

func (boolean) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Bool)
	}
	return cty.BoolVal(v.(bool))
}

func (boolean) Merge(_, later any) any { return later }

func (boolean) Normalize(v any) any { return v }

func (boolean) Override(_ any, o *Change) (any, error) { return o.bool() }

func (boolean) Show(v any) any { return v }

// bool reads the value of an override that is true or false.
func (o *Change) bool() (bool, error) {
	b, err := strconv.ParseBool(o.value())
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", o.value())
	}
	return b, nil
}

// EscapeTemplate writes a text so that a template gives it back unchanged.
func EscapeTemplate(s string) string {
	if !strings.ContainsAny(s, "$%") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$${"), "%{", "%%{")
}

// Article returns the name of a type as it is written in a sentence.
func Article(t cty.Type) string {
	if t == cty.DynamicPseudoType {
		return "null"
	}
	name := t.FriendlyName()
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
