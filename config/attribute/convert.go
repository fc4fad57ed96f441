package attribute

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Convert is convert.Convert, but for a long literal list, whose elements it
// converts one by one: convert.Convert looks for a type that fits all of them
// even where the type is given, in time that grows with the square of their
// number.
func Convert(v cty.Value, typ cty.Type) (cty.Value, error) {
	if !longTuple(v) || !typ.IsListType() || typ.HasDynamicTypes() {
		return convert.Convert(v, typ)
	}
	elems := make([]cty.Value, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		e, err := Convert(e, typ.ElementType())
		if err != nil {
			return convert.Convert(v, typ) // it has the better words
		}
		elems = append(elems, e)
	}
	return cty.ListVal(elems), nil
}

// longTuple says whether a value is a literal list of which convert.Convert
// would take more than a moment.
func longTuple(v cty.Value) bool {
	const long = 100
	return v.Type().IsTupleType() && v.IsKnown() && !v.IsNull() && !v.IsMarked() && v.LengthInt() > long
}
