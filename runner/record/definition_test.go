package record

import (
	"reflect"
	"slices"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// What a definition says of a target is in its digest, whether --print shows it
// or not; where it says so, and when the target is built, is not.
func TestDefinitionOf(t *testing.T) {
	ignored := []string{"Range", "Ranges", "Shared", "Volatile", "Overridden", "Description", "Traits", "Part", "Template", "Skip", "Limits"}
	of := func(target *config.Target) string { return definitionOf(&planner.Build{Target: target}) }
	base := of(&config.Target{})
	if base == "" {
		t.Fatal("no digest")
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Target]()) {
		if len(f.Index) > 1 {
			continue
		}
		target := &config.Target{}
		fill(reflect.ValueOf(target).Elem().FieldByIndex(f.Index))
		if got, want := of(target) != base, !slices.Contains(ignored, f.Name); got != want {
			t.Errorf("%s: another digest %t, want %t", f.Name, got, want)
		}
	}
}

// fill gives a value something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), value)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
				return
			}
		}
	}
}
