package decide

import (
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// Override applies the overrides of one target to its attributes.
func (d *Draft) Override(os *attribute.Overrides) hcl.Diagnostics {
	if os == nil {
		return nil
	}
	var diags hcl.Diagnostics
	known := 0
	for i := range attribute.Attributes {
		for j := range attribute.Attributes[i].Keys {
			key := &attribute.Attributes[i].Keys[j]
			for _, o := range *os {
				if o.Key != key.Name || o.HasSub != (key.Shape == schema.Named) {
					continue
				}
				known++
				if err := d.overrideOne(i, key, o); err != nil {
					diags = append(diags, SetError(o.Text, attribute.Sentence(err)))
				}
			}
		}
	}
	if known == len(*os) {
		return diags
	}
	for _, o := range *os {
		if attribute.FindSetKey(o.Key, o.HasSub) == nil {
			diags = append(diags, SetError(o.Text, attribute.UnknownKey(o.Key)))
		}
	}
	return diags
}

func (d *Draft) overrideOne(attr int, key *attribute.SetKey, o *attribute.Change) error {
	apply := key.Apply
	if apply == nil {
		apply = attribute.Attributes[attr].Kind.Override
	}
	old := d.Values[attr]
	if o.Clear {
		old = nil
	}
	v, err := apply(old, o)
	if err != nil {
		return err
	}
	if o.Clear && len(o.Values) == 0 {
		v = nil // not written, so that it does not hide what another parent has
	}
	d.Values[attr] = v
	name := attribute.Attributes[attr].Name
	d.forget(name, o.Sub)
	d.noteOverride(name, o)
	return nil
}

// noteOverride notes what has set a whole attribute. Of several values only one may
// be wrong, and nobody knows which.
func (d *Draft) noteOverride(attr string, o *attribute.Change) {
	if o.HasSub || len(o.Values) == 0 {
		return
	}
	text := o.Text
	if !strings.HasPrefix(text, "-") {
		text = "--set " + text
	}
	if _, more := d.Overridden[attr]; more || len(o.Values) > 1 {
		text = "the command line"
	}
	d.Overridden = maps.Clone(d.Overridden)
	if d.Overridden == nil {
		d.Overridden = map[string]string{}
	}
	d.Overridden[attr] = text
}

// SetError is a diagnostic about an override, which is not in a file.
func SetError(text, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Invalid override %q", text),
		Detail:   detail,
	}
}
