package decide

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
)

// Draft is a target with everything that it inherits and what overrides change.
type Draft struct {
	Name   string
	Values attribute.Values
	// Ranges says where attributes, and the elements of maps, are written.
	Ranges map[string]hcl.Range
	// Volatile holds why arguments have a value that changes with each run.
	Volatile map[string]string
	// Overridden says what on the command line has set an attribute.
	Overridden map[string]string
	Base       string // of a context that is not written
	At         hcl.Range

	// owned says whether Ranges belongs to this target alone.
	owned bool
}

// written says whether an argument or a label has a value; attr is AtArgs or that of
// the labels.
func (d *Draft) written(attr int, key string) bool {
	table, _ := d.Values[attr].(map[string]*string)
	return table[key] != nil
}

// setDefault gives an argument or a label a value, unless one is written.
func (d *Draft) setDefault(attr int, key, value string) {
	if !d.written(attr, key) {
		d.Values[attr], _ = attribute.Table{}.Override(d.Values[attr], &attribute.Change{Sub: key, Values: []string{value}})
	}
}

// Merge puts the values of a later target or block over those that are there.
func (d *Draft) Merge(v *attribute.Values, ranges map[string]hcl.Range, volatile map[string]string) {
	d.noteVolatile(v[attribute.AtArgs], volatile)
	for i := range attribute.Attributes {
		switch {
		case v[i] == nil:
		case d.Values[i] == nil:
			d.Values[i] = v[i]
		default:
			d.Values[i] = attribute.Attributes[i].Kind.Merge(d.Values[i], v[i])
		}
	}
	if len(d.Ranges) == 0 {
		d.Ranges, d.owned = ranges, false
		return
	}
	d.own()
	maps.Copy(d.Ranges, ranges)
}

func (d *Draft) own() {
	if !d.owned {
		d.Ranges, d.owned = maps.Clone(d.Ranges), true
	}
}

// forget removes the place where an attribute, or an element of it, was written.
func (d *Draft) forget(attr, sub string) {
	if attr == attribute.Attributes[attribute.AtArgs].Name {
		d.noteVolatile(map[string]*string{sub: &sub}, nil)
	}
	if sub != "" {
		attr += "." + sub
	}
	if _, ok := d.Ranges[attr]; ok {
		d.own()
		delete(d.Ranges, attr)
	}
}

// Normalize removes duplicates and adds what follows from other attributes.
func (d *Draft) Normalize() {
	if n, ok := d.Values[attribute.AtNetwork].(string); ok && n == "host" {
		granted, _ := d.Values[attribute.AtEntitlements].([]string)
		d.Values[attribute.AtEntitlements] = append(slices.Clone(granted), "network.host")
	}
	for i := range attribute.Attributes {
		if d.Values[i] != nil {
			d.Values[i] = attribute.Attributes[i].Kind.Normalize(d.Values[i])
		}
	}
}

// Copy returns a Draft that can be changed without changing this one.
func (d *Draft) Copy() *Draft {
	c := *d
	c.owned = false
	d.owned = false
	return &c
}

// RangeOf returns where an element of an attribute is written: the element itself,
// or else the attribute, or else the target.
func (d *Draft) RangeOf(attr, sub string) hcl.Range {
	for _, key := range []string{attr + "." + sub, attr} {
		if at, ok := d.Ranges[key]; ok {
			return at
		}
	}
	return d.At
}

// noteVolatile notes which arguments are volatile once later values have been
// put over those that are there.
func (d *Draft) noteVolatile(args any, later map[string]string) {
	if len(d.Volatile) == 0 && len(later) == 0 {
		return
	}
	out := maps.Clone(d.Volatile)
	if out == nil {
		out = map[string]string{}
	}
	written, _ := args.(map[string]*string)
	for name, value := range written {
		if cause := later[name]; cause != "" {
			out[name] = cause
		} else if value != nil {
			delete(out, name)
		}
	}
	d.Volatile = out
}
