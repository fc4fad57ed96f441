package config

import (
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/internal/suggest"
)

// matchOverrides decides which overrides each target gets.
func (d *Definition) matchOverrides() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.overrides = map[string]*attribute.Overrides{}
	for i := range d.opts.Overrides {
		o := d.opts.Overrides[i]
		if !o.HasValue && !d.opts.NoEnvVars {
			if d.opts.LookupEnv == nil {
				continue
			}
			v, ok := d.opts.LookupEnv(o.Sub)
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
			return nil, decide.SetError(o.Text, fmt.Sprintf("%q is not a pattern: %v.", o.Pattern, err))
		}
		if ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		detail := fmt.Sprintf("No target matches %q.", o.Pattern)
		if d.groups[o.Pattern] != nil {
			targets := d.grouped(o.Pattern, map[string]bool{})
			detail += fmt.Sprintf(" It is the name of a group of %s: write %s.", some(targets, 5), d.setPattern(o.Pattern, targets))
		} else {
			detail += suggest.Sentence(o.Pattern, d.targetNames)
		}
		return nil, decide.SetError(o.Text, detail)
	}
	return names, nil
}

// grouped are the targets of a group, and of the groups in it.
func (d *Definition) grouped(group string, seen map[string]bool) []string {
	seen[group] = true
	var names []string
	for _, name := range d.groups[group].Targets {
		switch {
		case seen[name]:
		case d.targets[name] == nil && d.groups[name] != nil:
			names = append(names, d.grouped(name, seen)...)
		default:
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// setPattern says what to give --set for the members of a group: a pattern, if all
// their names begin with the group's name and no other target's does.
func (d *Definition) setPattern(group string, members []string) string {
	pattern := group + "-*"
	if slices.Equal(slices.Sorted(slices.Values(d.matchOnlyTargets(pattern))), slices.Sorted(slices.Values(members))) {
		return fmt.Sprintf("%q", pattern)
	}
	return "one of them, or a pattern"
}
