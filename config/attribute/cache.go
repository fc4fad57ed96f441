package attribute

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// CacheSettings holds the attributes of a cache block that are written, as
// texts; options have OptionPrefix before their names.
type CacheSettings map[string]string

// OptionPrefix is before the names of further fields of a cache.
const OptionPrefix = "options."

// RefBase holds the folder that a path in ref starts from, "" for the working
// directory. It is there wherever ref is, so that the two stay together.
const RefBase = " base of ref"

// In says that a path in ref starts from a folder.
func (s CacheSettings) In(base string) CacheSettings {
	if _, ok := s["ref"]; ok {
		s = maps.Clone(s)
		s[RefBase] = base
	}
	return s
}

// Options returns the further fields.
func (s CacheSettings) Options() map[string]string {
	out := map[string]string{}
	for k, v := range s {
		if name, ok := strings.CutPrefix(k, OptionPrefix); ok {
			out[name] = v
		}
	}
	return out
}

// CacheKind is the cache block of a target, which counts as an attribute whose
// value is an object.
type CacheKind struct{}

// Decode reads the attributes of a block as texts; the options go in beside
// them, with OptionPrefix before their names.
func (CacheKind) Decode(v cty.Value) (any, error) {
	out := CacheSettings{}
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
					out[OptionPrefix+k] = *s
				}
			}
			continue
		}
		if name == "mounts" {
			ids, err := mountWord(attr)
			if err != nil {
				return nil, cty.GetAttrPath(name).NewError(err)
			}
			out[name] = ids
			continue
		}
		if name == "mounts-unused" {
			times, err := mountTimes(attr)
			if err != nil {
				return nil, cty.GetAttrPath(name).NewError(err)
			}
			out[name] = times
			continue
		}
		s, err := convert.Convert(attr, cty.String)
		if err != nil {
			return nil, cty.GetAttrPath(name).NewErrorf("it must be a string, and this is %s", Article(attr.Type()))
		}
		out[name] = s.AsString()
		if name == "when" {
			out[name] = conditionWord(out[name])
		}
	}
	return out.In(""), nil
}

// mountWord is the text for true, false or a list of ids. An id has no comma,
// because a Dockerfile separates the fields of a mount by commas.
func mountWord(v cty.Value) (string, error) {
	if v.Type() == cty.Bool {
		return strconv.FormatBool(v.True()), nil
	}
	if !v.Type().IsListType() && !v.Type().IsTupleType() && !v.Type().IsSetType() {
		return "", fmt.Errorf("it must be true, false or a list of ids, and this is %s", Article(v.Type()))
	}
	var ids []string
	for _, e := range v.AsValueSlice() {
		s, err := convert.Convert(e, cty.String)
		if err != nil || s.IsNull() || s.AsString() == "" || strings.Contains(s.AsString(), ",") {
			return "", errors.New("an id of a cache mount is a text without a comma, such as \"go-build\" or \"/root/.npm\"")
		}
		ids = append(ids, s.AsString())
	}
	return strings.Join(ids, ","), nil
}

// mountTimes is the text for a time by the ids of mounts: ID=TIME, with commas
// between them.
func mountTimes(v cty.Value) (string, error) {
	times, err := stringMap(v)
	if err != nil {
		return "", fmt.Errorf("it must be a time by the ids of mounts, such as { go-build = \"14d\" }, and this is %s", Article(v.Type()))
	}
	var parts []string
	for _, id := range SortedKeys(times) {
		if times[id] == nil {
			continue
		}
		if id == "" || strings.Contains(id+*times[id], ",") {
			return "", errors.New("an id of a cache mount is a text without a comma, and so is the time for it: { go-build = \"14d\" }")
		}
		parts = append(parts, id+"="+*times[id])
	}
	return strings.Join(parts, ","), nil
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

// Encode gives an object with all attributes of the block, of which those that
// are not written are null.
func (CacheKind) Encode(v any) cty.Value {
	s, _ := v.(CacheSettings)
	out := map[string]cty.Value{}
	for _, a := range schema.CacheAttributes() {
		out[a.Name] = cty.NullVal(cty.String)
		if text, ok := s[a.Name]; ok {
			out[a.Name] = cty.StringVal(text)
		}
	}
	options := map[string]cty.Value{}
	for k, text := range s.Options() {
		options[k] = cty.StringVal(text)
	}
	out["options"] = cty.MapValEmpty(cty.String)
	if len(options) > 0 {
		out["options"] = cty.MapVal(options)
	}
	return cty.ObjectVal(out)
}

// Merge puts each attribute that the later block has in the place of the
// earlier one.
func (CacheKind) Merge(earlier, later any) any {
	out := maps.Clone(earlier.(CacheSettings))
	maps.Copy(out, later.(CacheSettings))
	return out
}

// Normalize changes nothing.
func (CacheKind) Normalize(v any) any { return v }

// Override changes one attribute of the block, or one option.
func (CacheKind) Override(v any, o *Change) (any, error) {
	var names []string
	for _, a := range schema.CacheAttributes() {
		names = append(names, a.Name)
	}
	if !slices.Contains(names, o.Sub) && !strings.HasPrefix(o.Sub, OptionPrefix) || o.Sub == "options" {
		return nil, fmt.Errorf("a cache block has no attribute %q%s", o.Sub, suggest.Sentence(o.Sub, names))
	}
	out := CacheSettings{}
	if old, ok := v.(CacheSettings); ok {
		out = maps.Clone(old)
	}
	out[o.Sub] = o.value()
	if o.Sub == "when" {
		out[o.Sub] = conditionWord(out[o.Sub])
	}
	if o.Sub == "ref" {
		return out.In(""), nil
	}
	return out, nil
}

// Show is not called: bake's JSON has no such thing.
func (CacheKind) Show(any) any { return nil }
