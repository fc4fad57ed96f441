package config

import (
	"fmt"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// resources is the object of limits of RUN steps.
type resources struct{}

// texts and numbers name the fields of Resources, in the order of printing.
func (r *Resources) texts() map[string]*string {
	return map[string]*string{
		"memory": &r.Memory, "memory-swap": &r.MemorySwap,
		"cpuset-cpus": &r.CpusetCpus, "cpuset-mems": &r.CpusetMems,
	}
}

func (r *Resources) numbers() map[string]**int64 {
	return map[string]**int64{
		"cpu-shares": &r.CPUShares, "cpu-period": &r.CPUPeriod, "cpu-quota": &r.CPUQuota,
	}
}

func (resources) typ() cty.Type {
	var r Resources
	attrs := map[string]cty.Type{}
	for name := range r.texts() {
		attrs[name] = cty.String
	}
	for name := range r.numbers() {
		attrs[name] = cty.Number
	}
	return objectType(attrs)
}

func (k resources) decode(v cty.Value) (any, error) {
	obj, err := convert.Convert(v, k.typ())
	if err != nil {
		return nil, wrongElement(err, v, "an object of limits")
	}
	var r Resources
	for name, s := range r.texts() {
		*s = attrString(obj, name)
	}
	for name, n := range r.numbers() {
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

func (k resources) encode(v any) cty.Value {
	r, ok := v.(Resources)
	if !ok {
		return cty.NullVal(k.typ().WithoutOptionalAttributesDeep())
	}
	vals := map[string]cty.Value{}
	for name, s := range r.texts() {
		vals[name] = cty.NullVal(cty.String)
		if *s != "" {
			vals[name] = cty.StringVal(*s)
		}
	}
	for name, n := range r.numbers() {
		vals[name] = cty.NullVal(cty.Number)
		if *n != nil {
			vals[name] = cty.NumberIntVal(**n)
		}
	}
	return cty.ObjectVal(vals)
}

func (resources) merge(earlier, later any) any {
	out, l := earlier.(Resources), later.(Resources)
	outTexts, outNumbers := out.texts(), out.numbers()
	for name, s := range l.texts() {
		if *s != "" {
			*outTexts[name] = *s
		}
	}
	for name, n := range l.numbers() {
		if *n != nil {
			*outNumbers[name] = *n
		}
	}
	return out
}

func (resources) normalize(v any) any { return v }

func (resources) override(v any, o *override) (any, error) {
	r, _ := v.(Resources)
	if s, ok := r.texts()[o.sub]; ok {
		*s = o.value()
		return r, nil
	}
	if n, ok := r.numbers()[o.sub]; ok {
		i, err := strconv.ParseInt(o.value(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", o.value())
		}
		*n = &i
		return r, nil
	}
	return nil, fmt.Errorf("there is no resource %q", o.sub)
}

// resourceOrder is the order in which bake prints the limits.
var resourceOrder = []string{"memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems"}

func (resources) show(v any) any {
	r := v.(Resources)
	texts, numbers := r.texts(), r.numbers()
	out := object{}
	for _, name := range resourceOrder {
		if s := texts[name]; s != nil && *s != "" {
			out = append(out, property{name, *s})
		}
		if n := numbers[name]; n != nil && *n != nil {
			out = append(out, property{name, **n})
		}
	}
	return out
}
