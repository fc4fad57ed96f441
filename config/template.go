package config

import (
	"slices"

	"github.com/orch-build/orch/internal/template"
	"github.com/orch-build/orch/schema"
)

// templates finds the targets that are there to be inherited.
func (d *Definition) templates() template.Set {
	if d.templateSet == nil {
		set := d.findTemplates()
		d.templateSet = &set
	}
	return *d.templateSet
}

func (d *Definition) findTemplates() template.Set {
	used := map[string]bool{}
	for _, t := range d.tests {
		for _, name := range d.tested(t.Target, map[string]bool{}) {
			used[name] = true
		}
	}
	var targets []template.Target
	for _, name := range d.targetNames {
		t := d.targets[name]
		f := template.Target{Name: name, Used: t.local == defaultName || used[name]}
		for _, in := range t.instances {
			f.Parents = append(f.Parents, in.Parents()...)
			f.Links = append(f.Links, in.Linked()...)
		}
		targets = append(targets, f)
	}
	var members [][]string
	for _, g := range d.groups {
		if !g.Matrix {
			members = append(members, g.Targets)
		}
	}
	return template.Of(targets, members)
}

// buildable takes the templates out of a list of targets and groups. A group
// that a matrix made is replaced by its other members.
func (d *Definition) buildable(names []string, templates template.Set) []string {
	var out []string
	for _, name := range names {
		g := d.groups[name]
		switch {
		case g != nil && g.Matrix && slices.ContainsFunc(g.Targets, templates.Has):
			out = append(out, slices.DeleteFunc(slices.Clone(g.Targets), templates.Has)...)
		case g != nil || !templates.Has(name):
			out = append(out, name)
		}
	}
	return out
}

// fromPattern takes the templates out of what a pattern of the command line
// matches. In bake files patterns match templates too, as they do in bake.
func (d *Definition) fromPattern(names []string) []string {
	if !slices.ContainsFunc(d.files, func(f *schema.File) bool { return f.Dialect == schema.Build }) {
		return names
	}
	return d.buildable(names, d.templates())
}

// WithoutTemplates returns the definition without the targets that are there
// to be inherited and that nothing else names.
func (c *Config) WithoutTemplates() *Config {
	out := *c
	out.Targets, out.Chosen = nil, nil
	kept := map[string]bool{}
	for _, t := range c.Targets {
		if !t.Template {
			kept[t.Name] = true
			out.Targets = append(out.Targets, t)
		}
	}
	for _, name := range c.Chosen {
		if kept[name] {
			out.Chosen = append(out.Chosen, name)
		}
	}
	return &out
}
