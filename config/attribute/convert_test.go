package attribute

import (
	"fmt"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// TestConvert converts lists, short and long, good and bad, as the library does.
func TestConvert(t *testing.T) {
	elems := map[string]func(int) cty.Value{
		"strings": func(i int) cty.Value { return cty.StringVal(fmt.Sprint(i)) },
		"mixed": func(i int) cty.Value {
			return []cty.Value{cty.True, cty.NumberIntVal(int64(i)), cty.StringVal("x")}[i%3]
		},
		"nulls":     func(i int) cty.Value { return cty.NullVal(cty.DynamicPseudoType) },
		"unknown":   func(i int) cty.Value { return cty.UnknownVal(cty.String) },
		"lists":     func(i int) cty.Value { return cty.TupleVal([]cty.Value{cty.StringVal("x"), cty.True}) },
		"one wrong": func(i int) cty.Value { return map[bool]cty.Value{true: cty.EmptyObjectVal, false: cty.True}[i == 7] },
	}
	types := []cty.Type{cty.List(cty.String), cty.List(cty.Bool), cty.List(cty.List(cty.String)), cty.Set(cty.String), cty.String, cty.List(cty.DynamicPseudoType)}
	for name, elem := range elems {
		for _, n := range []int{0, 3, 10, 200} {
			vals := make([]cty.Value, n)
			for i := range vals {
				vals[i] = elem(i)
			}
			v := cty.TupleVal(vals)
			for _, typ := range types {
				want, wrong := convert.Convert(v, typ)
				got, err := Convert(v, typ)
				if fmt.Sprint(wrong) != fmt.Sprint(err) || !pathOf(wrong).Equals(pathOf(err)) {
					t.Errorf("%d %s to %s: %v at %v, the library says %v at %v", n, name, typ.FriendlyName(), err, pathOf(err), wrong, pathOf(wrong))
				}
				if wrong == nil && !got.RawEquals(want) {
					t.Errorf("%d %s to %s: %#v, the library has %#v", n, name, typ.FriendlyName(), got, want)
				}
			}
		}
	}
}

func pathOf(err error) cty.Path {
	if pe, ok := err.(cty.PathError); ok {
		return pe.Path
	}
	return nil
}
