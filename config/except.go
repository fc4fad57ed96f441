package config

import (
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/internal/suggest"
)

// excepted decides which targets are to be left out: those that are named,
// that a pattern matches, or that are in a group so named.
func (d *Definition) excepted() (map[string]bool, hcl.Diagnostics) {
	out := map[string]bool{}
	var diags hcl.Diagnostics
	for _, e := range d.opts.Except {
		names := d.match(e)
		if name := d.spelled(e); !files.IsPattern(e) && (d.targets[name] != nil || d.groups[name] != nil) {
			names = []string{name}
		}
		if len(names) == 0 {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown target to leave out",
				Detail:   fmt.Sprintf("No target or group is called %q.%s", e, suggest.Sentence(e, d.names())),
			})
		}
		for _, name := range names {
			c := &chooser{d: d, groups: map[string]*Group{}}
			members, more := c.expand(name, hcl.Range{})
			diags = append(diags, more...)
			out[name] = true
			for _, m := range members {
				out[m.name] = true
			}
		}
	}
	return out, diags
}

// filter removes the chosen targets whose traits do not match the filters.
func (c *chooser) filter() hcl.Diagnostics {
	if len(c.d.opts.Filters) == 0 {
		return nil
	}
	var diags hcl.Diagnostics
	kept := c.chosen[:0]
	for _, name := range c.chosen {
		ok, err := matchTraits(c.targets[name], c.d.opts.Filters)
		if err != nil {
			return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Invalid filter", Detail: attribute.Sentence(err)}}
		}
		if ok {
			kept = append(kept, name)
			continue
		}
		delete(c.targets, name)
		c.except[name] = true
	}
	c.chosen = kept
	if len(kept) == 0 {
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "No target matches the filter",
			Detail:   fmt.Sprintf("None of the chosen targets has traits that match %s.", strings.Join(c.d.opts.Filters, " and ")),
		})
	}
	return diags
}

// matchTraits reports whether a target matches all filters.
func matchTraits(r *decide.Draft, filters []string) (bool, error) {
	traits, _ := r.Values[attribute.AtTraits].(map[string]*string)
	for _, f := range filters {
		name, pattern, hasValue := strings.Cut(f, "=")
		name, not := strings.CutSuffix(name, "!")
		if name == "" {
			return false, fmt.Errorf("%q is not of the form NAME=VALUE", f)
		}
		value := traits[name]
		ok := value != nil
		if ok && hasValue {
			var err error
			if ok, err = path.Match(pattern, *value); err != nil {
				return false, fmt.Errorf("%q is not a pattern", pattern)
			}
		}
		if ok == not {
			return false, nil
		}
	}
	return true, nil
}
