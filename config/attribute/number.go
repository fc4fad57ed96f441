package attribute

import (
	"fmt"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Number is an attribute that holds a small whole number.
type Number struct{ min, Max int }

// Decode reads a whole number between the bounds.
func (k Number) Decode(v cty.Value) (any, error) {
	n, err := convert.Convert(v, cty.Number)
	if err != nil {
		return nil, fmt.Errorf("it must be a number, and this is %s", Article(v.Type()))
	}
	f := n.AsBigFloat()
	if !f.IsInt() {
		return nil, fmt.Errorf("it must be a whole number, and this is %s", f.Text('g', 10))
	}
	i, _ := f.Int64()
	return k.check(i)
}

func (k Number) check(i int64) (any, error) {
	if i < int64(k.min) || i > int64(k.Max) {
		return nil, fmt.Errorf("it must be between %d and %d, and this is %d", k.min, k.Max, i)
	}
	return int(i), nil
}

// Encode gives the number.
func (Number) Encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(int64(v.(int)))
}

// Merge gives the later number.
func (Number) Merge(_, later any) any { return later }

// Normalize changes nothing.
func (Number) Normalize(v any) any { return v }

// Override reads a whole number between the bounds.
func (k Number) Override(_ any, o *Change) (any, error) {
	i, err := strconv.ParseInt(o.value(), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", o.value())
	}
	return k.check(i)
}

// Show gives the number.
func (Number) Show(v any) any { return v }
