// Package listing prints what a definition holds: in tables, as JSON, and in the
// forms that bake --list has. It reads no definition.
package listing

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
)

// Printer prints what a definition holds.
type Printer struct {
	Out  io.Writer
	JSON bool // says that programs read it
}

// Targets lists the targets that are to be kept.
func (p Printer) Targets(d *config.Definition, keep func(config.ListedTarget) bool) error {
	targets := slices.DeleteFunc(d.Targets(), func(t config.ListedTarget) bool { return !keep(t) })
	if p.JSON {
		return termtext.PrintJSON(p.Out, targets)
	}
	rows := make([][]string, len(targets))
	for i, t := range targets {
		rows[i] = []string{t.Name, t.Description}
	}
	return table(p.Out, []string{"TARGET", "DESCRIPTION"}, rows)
}

// Groups lists groups.
func (p Printer) Groups(d *config.Definition) error {
	groups := d.Groups()
	if p.JSON {
		return termtext.PrintJSON(p.Out, groups)
	}
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{g.Name, strings.Join(g.Targets, ", "), g.Description}
	}
	return table(p.Out, []string{"GROUP", "TARGETS", "DESCRIPTION"}, rows)
}

// Variables lists variables.
func (p Printer) Variables(d *config.Definition) error {
	variables := d.Variables()
	if p.JSON {
		return termtext.PrintJSON(p.Out, variables)
	}
	rows := make([][]string, len(variables))
	for i, v := range variables {
		rows[i] = []string{v.Name, v.Type, shownValue(v), v.Source, v.Description}
	}
	return table(p.Out, []string{"VARIABLE", "TYPE", "VALUE", "SOURCE", "DESCRIPTION"}, rows)
}

func shownValue(v config.ListedVariable) string {
	if v.Value == nil {
		return "<null>"
	}
	return *v.Value
}

// table prints rows in aligned columns.
func table(w io.Writer, head []string, rows [][]string) error {
	return align(tabwriter.NewWriter(w, 1, 8, 2, ' ', 0), head, rows)
}

// bakeTable prints rows as bake does: its columns are filled with tabs.
func bakeTable(w io.Writer, head []string, rows [][]string) error {
	return align(tabwriter.NewWriter(w, 1, 8, 1, '\t', 0), head, rows)
}

func align(w *tabwriter.Writer, head []string, rows [][]string) error {
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// listedItem is an element of bake --list=type=targets,format=json.
type listedItem struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Group       bool   `json:"group,omitempty"`
}

// listedVariable is an element of bake --list=type=variables,format=json.
type listedVariable struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Type        string  `json:"type,omitempty"`
	Value       *string `json:"value,omitempty"`
}

// BakeTargets lists targets and groups as bake --list does.
func BakeTargets(w io.Writer, d *config.Definition, format string) error {
	var items []listedItem
	for _, t := range d.WrittenTargets() {
		items = append(items, listedItem{Name: t.Name, Description: t.Description})
	}
	for _, g := range d.Groups() {
		members := slices.Sorted(slices.Values(g.Targets))
		about := strings.Join(members, ", ")
		if g.Description != "" && about != "" {
			about = g.Description + " (" + about + ")"
		} else if about == "" {
			about = g.Description
		}
		items = append(items, listedItem{Name: g.Name, Description: about, Group: true})
	}
	slices.SortStableFunc(items, func(a, b listedItem) int { return strings.Compare(a.Name, b.Name) })
	items = slices.DeleteFunc(items, func(i listedItem) bool { return strings.HasPrefix(i.Name, "_") })
	if format == "json" {
		return termtext.PrintJSON(w, items)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = []string{item.Name, item.Description}
	}
	return bakeTable(w, []string{"TARGET", "DESCRIPTION"}, rows)
}

// BakeVariables lists variables as bake --list does.
func BakeVariables(w io.Writer, d *config.Definition, format string) error {
	variables := d.Variables()
	if format == "json" {
		var items []listedVariable // "null" for Compose files, as bake has it
		if !d.OnlyCompose() {
			items = []listedVariable{}
		}
		for _, v := range variables {
			items = append(items, listedVariable{v.Name, v.Description, v.Type, v.Value})
		}
		return termtext.PrintJSON(w, items)
	}
	rows := make([][]string, len(variables))
	for i, v := range variables {
		rows[i] = []string{v.Name, v.Type, shownValue(v), v.Description}
	}
	return bakeTable(w, []string{"VARIABLE", "TYPE", "VALUE", "DESCRIPTION"}, rows)
}
