package main

import (
	"context"
	"fmt"
	"github.com/orch-build/orch/internal/termtext"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/orch-build/orch/config"
	"github.com/spf13/cobra"
	"github.com/tonistiigi/go-csvvalue"
)

// listable are the things that can be listed.
var listable = []string{"targets", "groups", "variables"}

func newListCommand(e *env) *cobra.Command {
	var load loadFlags
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "list targets|groups|variables [URL]",
		Short: "List what a definition holds",
		Example: `  orch list targets
  orch list variables --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 3 {
				return listUsage(args)
			}
			return nil
		},
		ValidArgs: listable,
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, err := load.open(e, args[1:])
			if err != nil {
				return err
			}
			if len(rest) > 0 || !slices.Contains(listable, args[0]) {
				return listUsage(args)
			}
			d, err := load.evaluate(cmd.Context(), e)
			if err != nil {
				return err
			}
			switch args[0] {
			case "targets":
				return listTargets(e, d, asJSON, all)
			case "groups":
				return listGroups(e, d, asJSON)
			default:
				return listVariables(e, d, asJSON)
			}
		},
	}
	load.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list templates too: targets that are there to be inherited")
	return cmd
}

func listUsage(args []string) error {
	text := "orch list takes one of " + strings.Join(listable, ", ") + ", and perhaps a URL"
	if len(args) > 0 {
		text += fmt.Sprintf(", got %q", strings.Join(args, " "))
	}
	return usagef("%s", text)
}

func listTargets(e *env, d *config.Definition, asJSON, all bool) error {
	targets := d.Targets()
	if !all {
		targets = slices.DeleteFunc(targets, func(t config.ListedTarget) bool { return t.Template })
	}
	if asJSON {
		return termtext.PrintJSON(e.stdout, targets)
	}
	rows := make([][]string, len(targets))
	for i, t := range targets {
		rows[i] = []string{t.Name, t.Description}
	}
	return table(e, []string{"TARGET", "DESCRIPTION"}, rows)
}

func listGroups(e *env, d *config.Definition, asJSON bool) error {
	groups := d.Groups()
	if asJSON {
		return termtext.PrintJSON(e.stdout, groups)
	}
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{g.Name, strings.Join(g.Targets, ", "), g.Description}
	}
	return table(e, []string{"GROUP", "TARGETS", "DESCRIPTION"}, rows)
}

func listVariables(e *env, d *config.Definition, asJSON bool) error {
	variables := d.Variables()
	if asJSON {
		return termtext.PrintJSON(e.stdout, variables)
	}
	rows := make([][]string, len(variables))
	for i, v := range variables {
		rows[i] = []string{v.Name, v.Type, shownValue(v), v.Source, v.Description}
	}
	return table(e, []string{"VARIABLE", "TYPE", "VALUE", "SOURCE", "DESCRIPTION"}, rows)
}

func shownValue(v config.ListedVariable) string {
	if v.Value == nil {
		return "<null>"
	}
	return *v.Value
}

// table prints rows in aligned columns.
func table(e *env, head []string, rows [][]string) error {
	return align(tabwriter.NewWriter(e.stdout, 1, 8, 2, ' ', 0), head, rows)
}

// bakeTable prints rows as bake does: its columns are filled with tabs.
func bakeTable(e *env, head []string, rows [][]string) error {
	return align(tabwriter.NewWriter(e.stdout, 1, 8, 1, '\t', 0), head, rows)
}

func align(w *tabwriter.Writer, head []string, rows [][]string) error {
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// listFlag is the value of bake --list.
type listFlag struct{ what, format string }

// parseList reads WHAT, or type=WHAT,format=FORMAT.
func parseList(text string) (listFlag, error) {
	l := listFlag{format: "table"}
	if !strings.ContainsAny(text, "=,") {
		l.what = text
	} else {
		fields, err := csvvalue.Fields(text, nil)
		if err != nil {
			return l, usagef("--list %q is not a list of comma separated fields", text)
		}
		for _, f := range fields {
			key, value, _ := strings.Cut(f, "=")
			switch strings.TrimSpace(strings.ToLower(key)) {
			case "type":
				l.what = value
			case "format":
				l.format = value
			default:
				return l, usagef("--list %q: it is type=targets|variables and format=table|json", text)
			}
		}
	}
	if !slices.Contains([]string{"targets", "variables"}, l.what) {
		return l, usagef("--list %q: it lists targets or variables", text)
	}
	if !slices.Contains([]string{"table", "json"}, l.format) {
		return l, usagef("--list %q: the format is table or json", text)
	}
	return l, nil
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

// runList runs bake --list, which lists in bake's format.
func runList(ctx context.Context, e *env, load *loadFlags, b *bakeFlags) error {
	if b.print {
		return usagef("--print and --list exclude each other")
	}
	l, err := parseList(b.list)
	if err != nil {
		return err
	}
	if _, err := b.options(e); err != nil {
		return err
	}
	if _, err := b.overrides(); err != nil {
		return err
	}
	load.loader.Overrides = nil // the list shows what is written
	d, err := load.evaluate(ctx, e)
	if err != nil {
		return err
	}
	if l.what == "variables" {
		return bakeVariables(e, d, l.format)
	}
	return bakeTargets(e, d, l.format)
}

func bakeTargets(e *env, d *config.Definition, format string) error {
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
		return termtext.PrintJSON(e.stdout, items)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = []string{item.Name, item.Description}
	}
	return bakeTable(e, []string{"TARGET", "DESCRIPTION"}, rows)
}

func bakeVariables(e *env, d *config.Definition, format string) error {
	variables := d.Variables()
	if format == "json" {
		var items []listedVariable // "null" for Compose files, as bake has it
		if !d.OnlyCompose() {
			items = []listedVariable{}
		}
		for _, v := range variables {
			items = append(items, listedVariable{v.Name, v.Description, v.Type, v.Value})
		}
		return termtext.PrintJSON(e.stdout, items)
	}
	rows := make([][]string, len(variables))
	for i, v := range variables {
		rows[i] = []string{v.Name, v.Type, shownValue(v), v.Description}
	}
	return bakeTable(e, []string{"VARIABLE", "TYPE", "VALUE", "DESCRIPTION"}, rows)
}
