package config

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/block"
	"github.com/orch-build/orch/config/files"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/internal/template"
	"github.com/orch-build/orch/schema"
)

// asked finds the names that are asked for; patterns are replaced by what
// they match.
func (d *Definition) asked() ([]string, hcl.Diagnostics) {
	if d.opts.All {
		return slices.Clone(d.targetNames), nil
	}
	wanted := d.opts.Targets
	if len(wanted) == 0 && len(d.opts.Filters) > 0 {
		return d.buildable(d.targetNames, d.templates()), nil
	}
	if len(wanted) == 0 {
		name, diag := d.unasked()
		if diag != nil {
			return nil, hcl.Diagnostics{diag}
		}
		wanted = []string{name}
	}
	var names []string
	var diags hcl.Diagnostics
	for _, w := range wanted {
		if w == "" {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unknown target",
				Detail:   fmt.Sprintf("A name that is asked for is empty. There are: %s.", some(d.askable(), 20)),
			})
			continue
		}
		if !files.IsPattern(w) {
			names = append(names, d.spelled(w))
			continue
		}
		all := d.match(w)
		matched := d.fromPattern(all)
		if len(matched) == 0 {
			diags = append(diags, d.nothingMatches(w, all))
		}
		names = append(names, matched...)
	}
	return attribute.Unique(names), diags
}

// unasked returns what is built if nothing is named: the group or target "default",
// or the only target that there is. Bake refuses the latter, so that a file of
// bake's name says the same to both.
func (d *Definition) unasked() (string, *hcl.Diagnostic) {
	targets := d.buildable(d.targetNames, d.templates())
	switch {
	case slices.Contains(d.groupNames, defaultName), slices.Contains(d.targetNames, defaultName), len(targets) == 0:
		return defaultName, nil
	case len(targets) == 1 && !slices.ContainsFunc(d.files, func(f *schema.File) bool {
		return strings.HasPrefix(path.Base(filepath.ToSlash(f.Name)), "docker-bake.")
	}):
		return targets[0], nil
	}
	return "", &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "No target named",
		Detail: fmt.Sprintf("No target was named, and there is no group %q. Name one of %s, or write: group %q { targets = [%q] }",
			defaultName, some(d.names(), 20), defaultName, targets[0]),
	}
}

// spelled returns the name of a target or group that was typed: as it is, or
// with its dots written as "_". A name that there is not stays as it was typed.
func (d *Definition) spelled(name string) string {
	if d.targets[name] != nil || d.groups[name] != nil {
		return name
	}
	printed := attribute.PrintedName(name)
	if len(d.imports) > 0 {
		for _, known := range slices.Concat(d.groupNames, d.targetNames) {
			if attribute.PrintedName(known) == printed {
				return known
			}
		}
	}
	if d.targets[printed] != nil || d.groups[printed] != nil {
		return printed
	}
	return name
}

// Has reports whether a name that is asked for, or a pattern, belongs to a
// target or a group.
func (d *Definition) Has(name string) bool {
	if files.IsPattern(name) {
		return len(d.fromPattern(d.match(name))) > 0
	}
	name = d.spelled(name)
	return d.targets[name] != nil || d.groups[name] != nil
}

// checkSpellings reports names that differ only in "." and "_": --print and
// the command line could not tell them apart.
func (d *Definition) checkSpellings() hcl.Diagnostics {
	var diags hcl.Diagnostics
	seen := map[string]string{}
	for _, name := range slices.Concat(d.groupNames, d.targetNames) {
		printed := attribute.PrintedName(name)
		other, ok := seen[printed]
		if !ok || other == name {
			seen[printed] = name
			continue
		}
		diag := block.Twice("Two targets of one name", "", d.placeOf(name), d.placeOf(other))
		diag.Detail = fmt.Sprintf("%q, at %s:%d:%d, differs from %q only in \".\" and \"_\". Give one of them another name.",
			other, d.placeOf(other).Filename, d.placeOf(other).Start.Line, d.placeOf(other).Start.Column, name)
		diags = append(diags, diag)
	}
	return diags
}

// placeOf returns where a group or target is written.
func (d *Definition) placeOf(name string) hcl.Range {
	if g := d.groups[name]; g != nil {
		return g.Range
	}
	return d.targets[name].at
}

// inNamespace returns a hint for a name that is the namespace of an import: what
// can be asked for instead. It is "" for other names.
func (d *Definition) inNamespace(name string) string {
	for _, known := range d.names() {
		if strings.HasPrefix(known, name+".") {
			hint := fmt.Sprintf(" %q is an import; ask for what is in it, as in %q.", name, name+".*")
			if d.groups[name+"."+defaultName] != nil || d.targets[name+"."+defaultName] != nil {
				hint = fmt.Sprintf(" %q is an import; ask for %q, or for what is in it, as in %q.", name, name+"."+defaultName, name+".*")
			}
			return hint
		}
	}
	return ""
}

// match returns the groups and targets whose names match a pattern. In both
// "." can be written as "_".
func (d *Definition) match(pattern string) []string {
	var exact, printed []string
	for _, name := range slices.Concat(d.groupNames, d.targetNames) {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			exact = append(exact, name)
		}
		if ok, err := path.Match(attribute.PrintedName(pattern), attribute.PrintedName(name)); ok && err == nil {
			printed = append(printed, name)
		}
	}
	if len(exact) > 0 {
		return attribute.Unique(exact)
	}
	return attribute.Unique(printed)
}

// some lists names, at most n of them.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// matchOnlyTargets is match for targets, by their names as they are.
func (d *Definition) matchOnlyTargets(pattern string) []string {
	var out []string
	for _, name := range d.targetNames {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			out = append(out, name)
		}
	}
	return out
}

// nothingMatches reports a pattern that matches nothing but templates.
func (d *Definition) nothingMatches(pattern string, templates []string) *hcl.Diagnostic {
	diag := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unknown target",
		Detail:   fmt.Sprintf("No target or group matches %q. There are: %s.", pattern, some(d.askable(), 20)),
	}
	if len(templates) > 0 {
		diag.Detail = fmt.Sprintf("All that %q matches is there to be inherited, and a pattern leaves that out. Ask for it by name: %s.", pattern, some(templates, 20))
	}
	return diag
}

// unknownTarget reports a name that is neither a target nor a group.
func (d *Definition) unknownTarget(name string, at hcl.Range) *hcl.Diagnostic {
	diag := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unknown target",
		Detail:   fmt.Sprintf("There is no target %q.", name),
	}
	if at.Filename != "" {
		diag.Subject = at.Ptr()
	}
	if d.groups[name] != nil {
		diag.Detail = fmt.Sprintf("%q is a group, and a target is needed here.", name)
		return diag
	}
	if hint := d.inNamespace(name); hint != "" {
		diag.Detail += hint
		return diag
	}
	names := d.names()
	diag.Detail += suggest.Sentence(name, names)
	if at.Filename == "" {
		names = d.askable()
	}
	if at.Filename == "" && d.opts.Word != nil {
		if hint := d.opts.Word(name); hint != "" {
			diag.Detail += " " + hint
		}
	}
	if len(names) > 0 {
		diag.Detail += " There are: " + some(names, 20) + "."
	}
	return diag
}

// askable lists the groups and targets to ask for.
func (d *Definition) askable() []string { return d.preferred(d.names(), d.templates()) }

// preferred takes the templates out of a list, unless it has nothing else.
func (d *Definition) preferred(names []string, templates template.Set) []string {
	if out := d.buildable(names, templates); len(out) > 0 {
		return out
	}
	return names
}

// names lists the groups and targets.
func (d *Definition) names() []string {
	names := attribute.Unique(slices.Concat(d.groupNames, d.targetNames))
	sort.Strings(names)
	return names
}
