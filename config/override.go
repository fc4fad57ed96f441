package config

import (
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/schema"
)

// matchOverrides decides which overrides each target gets.
func (d *Definition) matchOverrides() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.overrides = map[string]*attribute.Overrides{}
	for i := range d.opts.Overrides {
		o := d.opts.Overrides[i]
		if !o.HasValue && !d.opts.NoEnvVars {
			v, ok := d.opts.env(o.Sub)
			if !ok {
				continue
			}
			o.Value = v
		}
		names, diag := d.matchTargets(o)
		if diag != nil {
			diags = append(diags, diag)
		}
		for _, name := range names {
			if d.overrides[name] == nil {
				d.overrides[name] = &attribute.Overrides{}
			}
			d.overrides[name].Add(&o)
		}
	}
	return diags
}

// matchTargets returns the names of the targets that an override is for.
func (d *Definition) matchTargets(o attribute.Override) ([]string, *hcl.Diagnostic) {
	if name := d.spelled(o.Pattern); d.targets[o.Pattern] != nil {
		return []string{o.Pattern}, nil
	} else if len(d.imports) > 0 && d.targets[name] != nil {
		return []string{name}, nil
	}
	var names []string
	for _, name := range d.targetNames {
		ok, err := path.Match(o.Pattern, name)
		if err != nil {
			return nil, setError(o.Text, fmt.Sprintf("%q is not a pattern: %v.", o.Pattern, err))
		}
		if ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		detail := fmt.Sprintf("No target matches %q.", o.Pattern)
		if g := d.ev.groups[o.Pattern]; g != nil {
			detail += fmt.Sprintf(" It is the name of a group of %s: write %s.", some(g.Targets, 5), d.setPattern(o.Pattern, g.Targets))
		} else {
			detail += suggest.Sentence(o.Pattern, d.targetNames)
		}
		return nil, setError(o.Text, detail)
	}
	return names, nil
}

// setPattern is what --set takes for the members of a group: a pattern where
// all have the group's name in front, and no other target has.
func (d *Definition) setPattern(group string, members []string) string {
	pattern := group + "-*"
	if slices.Equal(slices.Sorted(slices.Values(d.matchOnlyTargets(pattern))), slices.Sorted(slices.Values(members))) {
		return fmt.Sprintf("%q", pattern)
	}
	return "one of them, or a pattern"
}

// setError is a diagnostic about an override, which is not in a file.
func setError(text, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Invalid override %q", text),
		Detail:   detail,
	}
}

// override applies the overrides of one target to its attributes.
func (r *resolved) override(os *attribute.Overrides) hcl.Diagnostics {
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
				if err := r.overrideOne(i, key, o); err != nil {
					diags = append(diags, setError(o.Text, attribute.Sentence(err)))
				}
			}
		}
	}
	if known == len(*os) {
		return diags
	}
	for _, o := range *os {
		if attribute.FindSetKey(o.Key, o.HasSub) == nil {
			diags = append(diags, setError(o.Text, attribute.UnknownKey(o.Key)))
		}
	}
	return diags
}

func (r *resolved) overrideOne(attr int, key *attribute.SetKey, o *attribute.Change) error {
	apply := key.Apply
	if apply == nil {
		apply = attribute.Attributes[attr].Kind.Override
	}
	old := r.values[attr]
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
	r.values[attr] = v
	r.forget(attribute.Attributes[attr].Name, o.Sub)
	return nil
}
