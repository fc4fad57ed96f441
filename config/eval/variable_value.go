package eval

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/tonistiigi/go-csvvalue"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/orch-build/orch/config/attribute"
)

// read gives the variable the value that a text from outside stands for.
// Without a written type, the default's type holds.
func (v *variable) read(text string, def cty.Value) (cty.Value, error) {
	switch {
	case v.typed && isCollection(v.typ):
		return collection(text, v.typ)
	case v.typed && v.typ.IsPrimitiveType():
		return primitive(text, v.typ)
	case v.typed:
		return cty.DynamicVal, fmt.Errorf("a text cannot stand for %s; set %s%s to its JSON", attribute.Article(v.typ), v.name, JSONSuffix)
	case v.defaultExpr() == nil || def.Type() == cty.DynamicPseudoType:
		return cty.StringVal(text), nil
	case def.Type().IsPrimitiveType():
		return primitive(text, def.Type())
	}
	return cty.DynamicVal, fmt.Errorf("the default is %s; give the variable a type, such as list(string), so that a text can be read", attribute.Article(def.Type()))
}

// readJSON gives a variable that has a type the value that JSON from outside stands for.
func (v *variable) readJSON(text string, _ cty.Value) (cty.Value, error) {
	value, err := unmarshal(text, v.typ)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("it is not the JSON of %s: %w", attribute.Article(v.typ), err)
	}
	return value, nil
}

// unmarshal reads JSON. The library panics if a tuple has too few elements.
func unmarshal(text string, t cty.Type) (v cty.Value, err error) {
	defer func() {
		if recover() != nil {
			v, err = cty.DynamicVal, errors.New("elements are missing")
		}
	}()
	return ctyjson.Unmarshal([]byte(text), t)
}

// primitive reads a string, a number or a boolean.
func primitive(text string, t cty.Type) (cty.Value, error) {
	switch t {
	case cty.String:
		return cty.StringVal(text), nil
	case cty.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return cty.DynamicVal, fmt.Errorf("%q is neither true nor false", text)
		}
		return cty.BoolVal(b), nil
	case cty.Number:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return cty.DynamicVal, fmt.Errorf("%q is not a number", text)
		}
		return cty.NumberVal(big.NewFloat(n)), nil
	}
	return cty.DynamicVal, fmt.Errorf("it must be a string, a number or a boolean to be read from a text, and it is %s", attribute.Article(t))
}

func isCollection(t cty.Type) bool {
	return t.IsListType() || t.IsSetType() || t.IsTupleType() || t.IsMapType()
}

// collection reads a list, set, tuple or map of primitives from one line of
// CSV; an element of a map is KEY:VALUE.
func collection(text string, t cty.Type) (cty.Value, error) {
	fs, err := csvvalue.Fields(text, nil)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("%q is not one line of comma separated values", text)
	}
	if t.IsMapType() {
		return mapOf(fs, t.ElementType())
	}
	if t.IsTupleType() {
		return tupleOf(fs, t.TupleElementTypes())
	}
	elems := make([]cty.Value, len(fs))
	for i, f := range fs {
		if elems[i], err = primitive(f, t.ElementType()); err != nil {
			return cty.DynamicVal, err
		}
	}
	if t.IsSetType() {
		return cty.SetVal(elems), nil
	}
	return cty.ListVal(elems), nil
}

func tupleOf(fs []string, types []cty.Type) (cty.Value, error) {
	if len(fs) != len(types) {
		return cty.DynamicVal, fmt.Errorf("it has %d values, and the type asks for %d", len(fs), len(types))
	}
	elems := make([]cty.Value, len(fs))
	for i, f := range fs {
		var err error
		if elems[i], err = primitive(f, types[i]); err != nil {
			return cty.DynamicVal, err
		}
	}
	return cty.TupleVal(elems), nil
}

func mapOf(fs []string, t cty.Type) (cty.Value, error) {
	p := csvvalue.Parser{Comma: ':'}
	m := make(map[string]cty.Value, len(fs))
	for _, f := range fs {
		kv, err := p.Fields(f, nil)
		if err == nil && len(kv) != 2 {
			err = errors.New("not KEY:VALUE")
		}
		if err != nil {
			return cty.DynamicVal, fmt.Errorf("%q is not of the form KEY:VALUE", f)
		}
		if m[kv[0]], err = primitive(kv[1], t); err != nil {
			return cty.DynamicVal, err
		}
	}
	return cty.MapVal(m), nil
}
