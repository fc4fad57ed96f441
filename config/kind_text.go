package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// text is an attribute that holds one string.
type text struct {
	escape bool // whether --print doubles the "$" of "${"
}

func (text) decode(v cty.Value) (any, error) {
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return nil, fmt.Errorf("it must be a string, and this is %s", article(v.Type()))
	}
	return s.AsString(), nil
}

func (text) encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(v.(string))
}

func (text) merge(_, later any) any { return later }

func (text) normalize(v any) any { return v }

func (text) override(_ any, o *override) (any, error) { return o.value(), nil }

func (k text) show(v any) any {
	if k.escape {
		return escapeTemplate(v.(string))
	}
	return v
}

// description is a text of which "" counts as not written.
type description struct{ text }

func (description) encode(v any) cty.Value {
	if v == nil {
		return cty.StringVal("")
	}
	return cty.StringVal(v.(string))
}

func (description) merge(earlier, later any) any {
	if later.(string) == "" {
		return earlier
	}
	return later
}

func (description) show(v any) any {
	if v.(string) == "" {
		return nil
	}
	return v
}

// boolean is an attribute that is true or false.
type boolean struct{}

func (boolean) decode(v cty.Value) (any, error) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return nil, fmt.Errorf("it must be true or false, and this is %s", article(v.Type()))
	}
	return b.True(), nil
}

func (boolean) encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Bool)
	}
	return cty.BoolVal(v.(bool))
}

func (boolean) merge(_, later any) any { return later }

func (boolean) normalize(v any) any { return v }

func (boolean) override(_ any, o *override) (any, error) { return o.bool() }

func (boolean) show(v any) any { return v }

// bool reads the value of an override that is true or false.
func (o *override) bool() (bool, error) {
	b, err := strconv.ParseBool(o.value())
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", o.value())
	}
	return b, nil
}

// escapeTemplate writes a text so that a template gives it back unchanged.
func escapeTemplate(s string) string {
	if !strings.ContainsAny(s, "$%") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$${"), "%{", "%%{")
}

// article returns the name of a type as it stands in a sentence.
func article(t cty.Type) string {
	if t == cty.DynamicPseudoType {
		return "null"
	}
	name := t.FriendlyName()
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
