package attribute

import (
	"fmt"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/orch-build/orch/config/spec"
)

// Resources is the object of limits of RUN steps.
type Resources struct{}

// limitTexts and limitNumbers name the fields of Resources, in the order of printing.
func limitTexts(r *spec.Resources) map[string]*string {
	return map[string]*string{
		"memory": &r.Memory, "memory-swap": &r.MemorySwap,
		"cpuset-cpus": &r.CpusetCpus, "cpuset-mems": &r.CpusetMems,
	}
}

func limitNumbers(r *spec.Resources) map[string]**int64 {
	return map[string]**int64{
		"cpu-shares": &r.CPUShares, "cpu-period": &r.CPUPeriod, "cpu-quota": &r.CPUQuota,
	}
}

func (Resources) typ() cty.Type {
	var r spec.Resources
	attrs := map[string]cty.Type{}
	for name := range limitTexts(&r) {
		attrs[name] = cty.String
	}
	for name := range limitNumbers(&r) {
		attrs[name] = cty.Number
	}
	return objectType(attrs)
}

// Decode reads an object of limits; those that are not written stay unset.
func (k Resources) Decode(v cty.Value) (any, error) {
	obj, err := convert.Convert(v, k.typ())
	if err != nil {
		return nil, wrongElement(err, v, "an object of limits")
	}
	var r spec.Resources
	for name, s := range limitTexts(&r) {
		*s = attrString(obj, name)
	}
	for name, n := range limitNumbers(&r) {
		v := obj.GetAttr(name)
		if v.IsNull() {
			continue
		}
		var i int64
		if err := gocty.FromCtyValue(v, &i); err != nil {
			return nil, cty.GetAttrPath(name).NewErrorf("the limit %s must be a whole number", name)
		}
		*n = &i
	}
	return r, nil
}

// Members are the names of the limits.
func (k Resources) Members() []string { return SortedKeys(k.typ().AttributeTypes()) }

// Encode gives an object with all limits, of which those that are not set are
// null.
func (k Resources) Encode(v any) cty.Value {
	r, ok := v.(spec.Resources)
	if !ok {
		return cty.NullVal(k.typ().WithoutOptionalAttributesDeep())
	}
	vals := map[string]cty.Value{}
	for name, s := range limitTexts(&r) {
		vals[name] = cty.NullVal(cty.String)
		if *s != "" {
			vals[name] = cty.StringVal(*s)
		}
	}
	for name, n := range limitNumbers(&r) {
		vals[name] = cty.NullVal(cty.Number)
		if *n != nil {
			vals[name] = cty.NumberIntVal(**n)
		}
	}
	return cty.ObjectVal(vals)
}

// Merge puts each limit that is set later in the place of the earlier one.
func (Resources) Merge(earlier, later any) any {
	out, l := earlier.(spec.Resources), later.(spec.Resources)
	outTexts, outNumbers := limitTexts(&out), limitNumbers(&out)
	for name, s := range limitTexts(&l) {
		if *s != "" {
			*outTexts[name] = *s
		}
	}
	for name, n := range limitNumbers(&l) {
		if *n != nil {
			*outNumbers[name] = *n
		}
	}
	return out
}

// Normalize changes nothing.
func (Resources) Normalize(v any) any { return v }

// Override sets one limit.
func (Resources) Override(v any, o *Change) (any, error) {
	r, _ := v.(spec.Resources)
	if s, ok := limitTexts(&r)[o.Sub]; ok {
		*s = o.value()
		return r, nil
	}
	if n, ok := limitNumbers(&r)[o.Sub]; ok {
		i, err := strconv.ParseInt(o.value(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", o.value())
		}
		*n = &i
		return r, nil
	}
	return nil, fmt.Errorf("there is no resource %q", o.Sub)
}

// resourceOrder is the order in which bake prints the limits.
var resourceOrder = []string{"memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems"}

// Show gives the limits that are set, in the order in which bake prints them.
func (Resources) Show(v any) any {
	r := v.(spec.Resources)
	texts, numbers := limitTexts(&r), limitNumbers(&r)
	out := Object{}
	for _, name := range resourceOrder {
		if s := texts[name]; s != nil && *s != "" {
			out = append(out, Property{name, *s})
		}
		if n := numbers[name]; n != nil && *n != nil {
			out = append(out, Property{name, **n})
		}
	}
	return out
}
