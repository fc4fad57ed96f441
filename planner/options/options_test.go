package options

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/schema"
)

// elsewhere are attributes that change the result, and how if not as options.
var elsewhere = map[string]string{
	"context": "a source", "contexts": "sources", "dockerfile": "what is converted", "dockerfile-inline": "what is converted",
	"platforms": "of the build", "secret": "of the session", "ssh": "of the session", "policy": "decides about sources",
	"context-modes": "how a context is sent", "reproducible": "an argument, and of the exporter", "annotations": "of the exporter", "output": "the exporter", "attest": "added to the result",
}

// fields are those of config.Target that are not called as their attribute is.
var fields = map[string]string{"target": "Stage"}

// TestOptionsAreComplete sets each attribute that is described as one that
// changes the result, and wants it among the options: what is missing there
// reaches neither the builder nor a digest.
func TestOptionsAreComplete(t *testing.T) {
	for _, a := range schema.TargetAttributes() {
		if a.Effect != schema.ChangesResult || elsewhere[a.Name] != "" {
			continue
		}
		target := &config.Target{}
		before := Of(&planner.Build{Target: target})
		name := fields[a.Name]
		if name == "" {
			for part := range strings.SplitSeq(a.Name, "-") {
				name += strings.ToUpper(part[:1]) + part[1:]
			}
		}
		field := reflect.ValueOf(target).Elem().FieldByName(name)
		if !field.IsValid() {
			t.Errorf("%s: config.Target has no field %s; enter what it is called in this test", a.Name, name)
			continue
		}
		field.Set(sample(t, field.Type()))
		if maps.Equal(before, Of(&planner.Build{Target: target})) {
			t.Errorf("%s changes the result, as its description says, and is not among the options", a.Name)
		}
	}
}

// sample is a value that is not zero.
func sample(t *testing.T, kind reflect.Type) reflect.Value {
	t.Helper()
	switch v := reflect.New(kind).Elem(); kind.Kind() {
	case reflect.String:
		v.SetString("10.0.0.1")
		return v
	case reflect.Bool:
		v.SetBool(true)
		return v
	case reflect.Pointer:
		v.Set(reflect.New(kind.Elem()))
		v.Elem().Set(sample(t, kind.Elem()))
		return v
	case reflect.Slice:
		return reflect.Append(v, sample(t, kind.Elem()))
	case reflect.Map:
		v.Set(reflect.MakeMap(kind))
		v.SetMapIndex(sample(t, kind.Key()), sample(t, kind.Elem()))
		return v
	case reflect.Struct:
		for i := range v.NumField() {
			v.Field(i).Set(sample(t, v.Field(i).Type()))
		}
		return v
	case reflect.Int64:
		v.SetInt(1)
		return v
	}
	t.Fatalf("no sample of a %s", kind)
	return reflect.Value{}
}

// TestOnHost puts the address of the builder's host in the place of its name.
func TestOnHost(t *testing.T) {
	for _, tt := range []struct{ hosts, gateway, want string }{
		{"", "", ""},
		{"", "172.17.0.1", ""},
		{"a=10.0.0.1,b=10.0.0.2", "", "a=10.0.0.1,b=10.0.0.2"},
		{"a=10.0.0.1,b=host-gateway", "172.17.0.1", "a=10.0.0.1,b=172.17.0.1"},
	} {
		if got, err := OnHost(tt.hosts, tt.gateway); got != tt.want || err != nil {
			t.Errorf("%q on %q: %q, error %v", tt.hosts, tt.gateway, got, err)
		}
	}
	if _, err := OnHost("b=host-gateway", ""); err == nil {
		t.Error("a builder that does not know the address has one")
	}
}
