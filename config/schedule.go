package config

import (
	"fmt"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Limits say how a target is scheduled, and when it is tried again. They are
// attributes of build.hcl only, and bake's JSON does not have them.
type Limits struct {
	// Weight is how many places of the builder's capacity the target takes;
	// 0 is as 1.
	Weight int
	// Exclusive targets are built while no other is.
	Exclusive bool
	// Retry is how many times a failed step is tried again.
	Retry int
}

const (
	// MaxWeight is the largest weight of a target.
	MaxWeight = 1000
	// MaxRetry is the largest number of retries of a target.
	MaxRetry = 10
)

// number is an attribute that holds a small whole number.
type number struct{ min, max int }

func (k number) decode(v cty.Value) (any, error) {
	n, err := convert.Convert(v, cty.Number)
	if err != nil {
		return nil, fmt.Errorf("it must be a number, and this is %s", article(v.Type()))
	}
	f := n.AsBigFloat()
	if !f.IsInt() {
		return nil, fmt.Errorf("it must be a whole number, and this is %s", f.Text('g', 10))
	}
	i, _ := f.Int64()
	return k.check(i)
}

func (k number) check(i int64) (any, error) {
	if i < int64(k.min) || i > int64(k.max) {
		return nil, fmt.Errorf("it must be between %d and %d, and this is %d", k.min, k.max, i)
	}
	return int(i), nil
}

func (number) encode(v any) cty.Value {
	if v == nil {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(int64(v.(int)))
}

func (number) merge(_, later any) any { return later }

func (number) normalize(v any) any { return v }

func (k number) override(_ any, o *override) (any, error) {
	i, err := strconv.ParseInt(o.value(), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", o.value())
	}
	return k.check(i)
}

func (number) show(v any) any { return v }
