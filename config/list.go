package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/schema"
)

// ListedTarget is a target as a list shows it.
type ListedTarget struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Template is true for a target that is there to be inherited.
	Template bool `json:"template,omitempty"`
}

// ListedGroup is a group as a list shows it.
type ListedGroup struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Targets     []string `json:"targets"`
}

// WrittenTargets lists the targets of the files in the order of their names, with
// their descriptions as written, not inherited.
func (d *Definition) WrittenTargets() []ListedTarget {
	out := []ListedTarget{}
	for _, name := range attribute.SortedKeys(d.targets) {
		t := ListedTarget{Name: name}
		for _, in := range d.targets[name].instances {
			if s, ok := in.Values[attribute.AtDescription].(string); ok && s != "" {
				t.Description = s
			}
		}
		out = append(out, t)
	}
	return out
}

// Targets lists the targets of the files in the order of their names, with the
// descriptions that they have or inherit.
func (d *Definition) Targets() []ListedTarget {
	out := d.WrittenTargets()
	for i := range out {
		t := &out[i]
		t.Template = d.templates().Has(t.Name)
		// What is wrong with inheritance is shown by the commands that need it.
		if r, _ := d.resolve(t.Name, t.Name, hcl.Range{}); r != nil {
			t.Description, _ = r.Values[attribute.AtDescription].(string)
		}
	}
	return out
}

// Groups lists the groups of the files in the order of their names.
func (d *Definition) Groups() []ListedGroup {
	out := []ListedGroup{}
	for _, name := range attribute.SortedKeys(d.groups) {
		g := d.groups[name]
		members := g.Targets
		if members == nil {
			members = []string{}
		}
		out = append(out, ListedGroup{Name: name, Description: g.Description, Targets: members})
	}
	return out
}

// OnlyCompose reports whether the definition is made of Compose files alone,
// which have no variables.
func (d *Definition) OnlyCompose() bool {
	return !slices.ContainsFunc(d.files, func(f *schema.File) bool { return f.Syntax != schema.Compose })
}

// Variables lists the variables of the files in the order of their names, then
// the names of each imported file, with its namespace in front.
// Constants are not variables. The value of a sensitive one is masked.
func (d *Definition) Variables() []ListedVariable {
	out := d.ev.Variables(Masked)
	for _, im := range d.imports {
		out = append(out, im.Variables()...)
	}
	return out
}
