package attribute

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/config/spec"
)

// An entry of the language is a string of comma separated fields, or an
// object. caches, outputs and attests differ in what the short forms mean.

var entryType = cty.Map(cty.String)

// fields splits "a=b,c=d" at its commas; a field may be quoted as in CSV.
func fields(s string) ([]string, error) {
	f, err := csvvalue.Fields(s, nil)
	if err != nil {
		var pe *csv.ParseError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%q is not a list of comma separated fields: %w", s, err)
	}
	return f, nil
}

// field cuts "key=value" and lower-cases the key.
func field(f string) (key, value string, err error) {
	key, value, ok := strings.Cut(f, "=")
	if !ok {
		return "", "", fmt.Errorf("%q lacks a value: write %s=VALUE", f, f)
	}
	return strings.ToLower(key), value, nil
}

// decodeEntries reads a list of strings and objects. Empty strings and null
// are passed over.
func decodeEntries[T any](v cty.Value, fromText func(string) ([]T, error), fromObject func(cty.Value) (T, error)) (any, error) {
	t := v.Type()
	if !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return nil, fmt.Errorf("it must be a list of strings or objects, and this is %s; put it in [ ]", Article(t))
	}
	out := make([]T, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		i, e := it.Element()
		if e.IsNull() || !e.IsKnown() {
			continue
		}
		var more []T
		var err error
		if e.Type() == cty.String {
			if e.AsString() == "" {
				continue
			}
			more, err = fromText(e.AsString())
		} else {
			var one T
			one, err = fromObject(e)
			more = []T{one}
		}
		if err != nil {
			return nil, cty.Path{cty.IndexStep{Key: i}}.NewError(err)
		}
		out = append(out, more...)
	}
	return out, nil
}

// ParseAll reads the values of an override with the reader of one of them.
func ParseAll[T any](texts []string, parse func(string) ([]T, error)) ([]T, error) {
	out := []T{}
	for _, s := range texts {
		if s == "" {
			continue
		}
		more, err := parse(s)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// objectEntry reads an object whose values are strings, numbers and booleans.
func objectEntry(v cty.Value) (spec.Entry, error) {
	m, err := stringMap(v)
	if err != nil {
		return spec.Entry{}, err
	}
	e := spec.Entry{Attrs: map[string]string{}}
	for k, s := range m {
		if s != nil {
			e.Attrs[k] = *s
		}
	}
	e.Type = e.Attrs["type"]
	delete(e.Attrs, "type")
	if e.Type == "" {
		return spec.Entry{}, errors.New(`it needs a type, such as type = "registry"`)
	}
	return e, nil
}

func encodeEntries(v any, also map[string]string) cty.Value {
	entries, _ := v.([]spec.Entry)
	if len(entries) == 0 {
		return cty.ListValEmpty(entryType)
	}
	vals := make([]cty.Value, len(entries))
	for i, e := range entries {
		m := map[string]cty.Value{"type": cty.StringVal(e.Type)}
		for k, s := range also {
			m[k] = cty.StringVal(s)
		}
		for k, s := range e.Attrs {
			m[k] = cty.StringVal(s)
		}
		vals[i] = cty.MapVal(m)
	}
	return cty.ListVal(vals)
}

func showEntries(v any) any {
	entries := v.([]spec.Entry)
	if len(entries) == 0 {
		return nil
	}
	out := make([]map[string]any, len(entries))
	for i, e := range entries {
		out[i] = map[string]any{"type": e.Type}
		for k, s := range e.Attrs {
			out[i][k] = s
		}
	}
	return out
}

// withoutDuplicates removes the entries that are equal to an earlier one. In
// the place of a removed entry comes the last one of the list, as in the
// bake's output.
func withoutDuplicates(l []spec.Entry) []spec.Entry {
	l = slices.Clone(l)
	for i := len(l) - 2; i >= 0; i-- {
		for j := i + 1; j < len(l); j++ {
			if l[i].Equal(l[j]) {
				l[j] = l[len(l)-1]
				l = l[:len(l)-1]
				break
			}
		}
	}
	return l
}

// normalizeEntries removes duplicates. A list without entries becomes one that is
// not written: a target that inherits it keeps what another parent has.
func normalizeEntries(v any) any {
	if entries := v.([]spec.Entry); len(entries) > 0 {
		return withoutDuplicates(entries)
	}
	return nil
}

// caches is cache-from, which grows, or cache-to, which does not.
type caches struct{ grows bool }

func (caches) Decode(v cty.Value) (any, error) { return decodeEntries(v, ParseCaches, objectEntry) }

// ParseCaches reads "type=…,k=v", or one or more references of images.
func ParseCaches(s string) ([]spec.Entry, error) {
	fs, err := fields(s)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(s, "=") {
		out := make([]spec.Entry, len(fs))
		for i, ref := range fs {
			if again, err := fields(ref); err != nil || len(again) != 1 {
				return nil, fmt.Errorf("%q in %q is not the name of an image", ref, s)
			}
			out[i] = spec.Entry{Type: "registry", Attrs: map[string]string{"ref": ref}}
		}
		return out, nil
	}
	e := spec.Entry{Attrs: map[string]string{}}
	for _, f := range fs {
		k, value, err := field(f)
		if err != nil {
			return nil, err
		}
		if k == "type" {
			e.Type = value
		} else {
			e.Attrs[k] = value
		}
	}
	if e.Type == "" {
		return nil, fmt.Errorf("%q needs a type, such as type=registry,%s", s, s)
	}
	return []spec.Entry{e}, nil
}

func (caches) Encode(v any) cty.Value { return encodeEntries(v, nil) }

func (k caches) Merge(earlier, later any) any {
	if !k.grows {
		return later
	}
	return withoutDuplicates(slices.Concat(earlier.([]spec.Entry), later.([]spec.Entry)))
}

func (caches) Normalize(v any) any { return normalizeEntries(v) }

func (caches) Override(v any, o *Change) (any, error) {
	return overrideEntries(v, o, ParseCaches)
}

func (caches) Show(v any) any { return showEntries(v) }

func overrideEntries(v any, o *Change, parse func(string) ([]spec.Entry, error)) (any, error) {
	entries, err := ParseAll(o.Values, parse)
	if err != nil || !o.append {
		return entries, err
	}
	old, _ := v.([]spec.Entry)
	return withoutDuplicates(slices.Concat(old, entries)), nil
}

// Attestation writes the value of --sbom or --provenance, or of the keys of
// the same name in Compose, as an attestation: a boolean says whether there is
// to be one.
func Attestation(kind, value string) string {
	if on, err := strconv.ParseBool(value); err == nil {
		return fmt.Sprintf("type=%s,disabled=%t", kind, !on)
	}
	return fmt.Sprintf("type=%s,%s", kind, value)
}

// attests is the list of attestations: one of a type, the last one wins.
type attests struct{}

func (attests) Decode(v cty.Value) (any, error) {
	return decodeEntries(v, ParseAttest, func(v cty.Value) (spec.Entry, error) {
		e, err := objectEntry(v)
		if err != nil {
			return e, err
		}
		return e, decideDisabled(e)
	})
}

// ParseAttest reads an attestation, "type=…,k=v".
func ParseAttest(s string) ([]spec.Entry, error) {
	fs, err := fields(s)
	if err != nil {
		return nil, err
	}
	e := spec.Entry{Attrs: map[string]string{}}
	for _, f := range fs {
		k, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("%q lacks a value: write %s=VALUE", f, f)
		}
		switch lower := strings.TrimSpace(strings.ToLower(k)); lower {
		case "type":
			e.Type = value
		case "disabled":
			e.Attrs[lower] = value
		default:
			e.Attrs[k] = value
		}
	}
	if e.Type == "" {
		return nil, fmt.Errorf("%q needs a type: type=provenance or type=sbom", s)
	}
	return []spec.Entry{e}, decideDisabled(e)
}

// decideDisabled leaves "disabled" in the attributes only if it is true.
func decideDisabled(e spec.Entry) error {
	s, ok := e.Attrs["disabled"]
	if !ok {
		return nil
	}
	off, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("disabled=%s is neither true nor false", s)
	}
	if off {
		e.Attrs["disabled"] = "true"
	} else {
		delete(e.Attrs, "disabled")
	}
	return nil
}

func (attests) Encode(v any) cty.Value { return encodeEntries(v, nil) }

func (attests) Merge(earlier, later any) any {
	return lastOfEach(slices.Concat(earlier.([]spec.Entry), later.([]spec.Entry)), func(e spec.Entry) string { return e.Type })
}

func (attests) Normalize(v any) any {
	return lastOfEach(v.([]spec.Entry), func(e spec.Entry) string { return e.Type })
}

func (k attests) Override(v any, o *Change) (any, error) {
	entries, err := ParseAll(o.Values, ParseAttest)
	if err != nil || v == nil {
		return entries, err
	}
	return k.Merge(v, entries), nil
}

func (attests) Show(v any) any {
	shown := showEntries(v)
	if shown == nil {
		return nil
	}
	for _, m := range shown.([]map[string]any) {
		if _, off := m["disabled"]; off {
			m["disabled"] = true
		}
	}
	return shown
}

// lastOfEach keeps of the elements with the same key the last one, in the
// place of the first.
func lastOfEach[T any](l []T, key func(T) string) []T {
	at := make(map[string]int, len(l))
	out := make([]T, 0, len(l))
	for _, e := range l {
		if i, ok := at[key(e)]; ok {
			out[i] = e
			continue
		}
		at[key(e)] = len(out)
		out = append(out, e)
	}
	return out
}

// readEach reads written entries.
func readEach[T any](v any, read func(spec.Entry) T) []T {
	entries := v.([]spec.Entry)
	out := make([]T, len(entries))
	for i, e := range entries {
		out[i] = read(e)
	}
	return out
}
