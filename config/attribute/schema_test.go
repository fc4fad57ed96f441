package attribute

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/orch-build/orch/schema"
)

// TestSchemaAgrees holds the descriptions of a target's attributes, from
// which the JSON Schema is made, against what is read of them.
func TestSchemaAgrees(t *testing.T) {
	samples := map[string]cty.Value{
		"string":       cty.StringVal("a"),
		"bool":         cty.True,
		"number":       cty.NumberIntVal(1),
		"list(string)": cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.NumberIntVal(1)}),
		"map(string)":  cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("a"), "b": cty.True}),
	}
	elsewhere := []string{"matrix", "name"} // read before there are targets
	described := map[string]schema.Attribute{}
	for _, a := range schema.TargetAttributes() {
		described[a.Name] = a
		if AttributeIndex(a.Name) < 0 && !slices.Contains(elsewhere, a.Name) {
			t.Errorf("%s is described and not read", a.Name)
		}
	}
	for _, a := range Attributes {
		if a.Name == "cache" || a.Name == "skip" { // a block
			continue
		}
		d, ok := described[a.Name]
		if !ok {
			t.Errorf("%s is read and not described", a.Name)
			continue
		}
		sample, ok := samples[d.Type]
		if !ok {
			sample = objectOf(t, d)
		}
		if _, err := a.Kind.Decode(sample); err != nil {
			t.Errorf("%s is described as %s, and not read as one: %v", a.Name, d.Type, err)
		}
	}
}

// objectOf returns an object with every key that is described, in a list if
// the attribute is one.
func objectOf(t *testing.T, d schema.Attribute) cty.Value {
	t.Helper()
	values := map[string]cty.Value{}
	for _, f := range d.Fields {
		switch {
		case f.Name == "log-level":
			values[f.Name] = cty.StringVal("info")
		case f.Name == "type" && d.Name == "secret":
			values[f.Name] = cty.StringVal("file")
		case f.Type == "bool":
			values[f.Name] = cty.True
		case f.Type == "list(string)":
			values[f.Name] = cty.TupleVal([]cty.Value{cty.StringVal("a")})
		default:
			values[f.Name] = cty.StringVal("1")
		}
	}
	if len(values) == 0 {
		t.Fatalf("the keys of %s are not described", d.Name)
	}
	if d.Type == "object" {
		return cty.ObjectVal(values)
	}
	return cty.TupleVal([]cty.Value{cty.ObjectVal(values)})
}

// TestMergeAgrees merges two lists of every attribute that holds one, and
// wants what its description says.
func TestMergeAgrees(t *testing.T) {
	pairs := map[string][2]string{
		"attest": {"type=sbom", "type=provenance"}, "secret": {"id=a", "id=b"}, "policy": {"filename=a", "filename=b"}, "output": {"a", "b"},
	}
	for i := range Attributes {
		a := &Attributes[i]
		if !strings.HasPrefix(a.Type, "list(") {
			continue
		}
		pair, ok := pairs[a.Name]
		if !ok {
			pair = [2]string{"a", "b"}
		}
		var v [2]any
		for j, text := range pair {
			var err error
			if v[j], err = a.Kind.Decode(cty.TupleVal([]cty.Value{cty.StringVal(text)})); err != nil {
				t.Fatalf("%s: %v", a.Name, err)
			}
		}
		want := 2
		if a.Merge == schema.Replaces {
			want = 1
		}
		if n := reflect.ValueOf(a.Kind.Merge(v[0], v[1])).Len(); n != want {
			t.Errorf("%s: a list of one merged with another has %d elements, and its description says %d", a.Name, n, want)
		}
	}
}
