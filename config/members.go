package config

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// placeTests finds the targets that each test belongs to.
func (d *Definition) placeTests() hcl.Diagnostics {
	var diags hcl.Diagnostics
	d.testsOf = map[string][]*spec.Test{}
	for _, t := range d.tests {
		names := d.tested(t.Target, map[string]bool{})
		if len(names) == 0 {
			diags = append(diags, d.unknownTarget(t.Target, t.At))
		}
		for _, name := range attribute.Unique(names) {
			d.testsOf[name] = append(d.testsOf[name], &t.Test)
		}
	}
	return diags
}

// tested lists the targets behind the name of a target or a group.
func (d *Definition) tested(name string, seen map[string]bool) []string {
	if d.targets[name] != nil {
		return []string{name}
	}
	g := d.groups[name]
	if g == nil || seen[name] {
		return nil
	}
	seen[name] = true
	var out []string
	for _, m := range g.Targets {
		out = slices.Concat(out, d.tested(m, seen))
	}
	return out
}

// expandMembers replaces the patterns in the groups of build.hcl by the
// targets that they match, templates left out. In a bake file they stay names,
// as in bake.
func (d *Definition) expandMembers() hcl.Diagnostics {
	var diags hcl.Diagnostics
	templates := sync.OnceValue(d.findTemplates)
	for _, name := range d.groupNames {
		g := d.groups[name]
		if g.Block == nil || g.Block.Dialect != schema.Build || !slices.ContainsFunc(g.Targets, files.IsPattern) {
			continue
		}
		var members []string
		for _, m := range g.Targets {
			if !files.IsPattern(m) {
				members = append(members, m)
				continue
			}
			matched := d.buildable(d.matchOnlyTargets(m), templates())
			if len(matched) == 0 {
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError,
					Summary:  "Unknown target",
					Detail:   fmt.Sprintf("No target matches %q. There are: %s.", m, some(d.preferred(d.targetNames, templates()), 20)),
					Subject:  g.Block.AttrRange("targets").Ptr(),
				})
			}
			members = append(members, matched...)
		}
		g.Targets = attribute.Unique(members)
	}
	return diags
}
