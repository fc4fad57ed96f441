package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report/listing"

	"github.com/spf13/cobra"
)

// listable are the things that can be listed.
var listable = []string{"targets", "groups", "variables"}

func newListCommand(e *env) *cobra.Command {
	var load loadFlags
	var asJSON, all bool
	var since []string
	cmd := &cobra.Command{
		Use:   "list [targets|groups|variables] [URL]",
		Short: "List what a definition holds: its targets, unless something else is named",
		Example: `  orch list
  orch list targets --affected origin/main
  orch list variables --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 3 {
				return listUsage(args)
			}
			return nil
		},
		ValidArgs: listable,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = listable[:1]
			}
			rest, err := load.open(e, args[1:])
			if err != nil {
				return err
			}
			if len(rest) > 0 || !slices.Contains(listable, args[0]) {
				return listUsage(args)
			}
			if len(since) > 0 && args[0] != "targets" {
				return usagef("--affected goes with orch list targets")
			}
			d, err := load.evaluate(cmd.Context(), e)
			if err != nil {
				return err
			}
			switch args[0] {
			case "targets":
				keep, err := load.listed(cmd.Context(), e, d, since, all)
				if err != nil {
					return err
				}
				return listing.Targets(e.stdout, d, asJSON, keep)
			case "groups":
				return listing.Groups(e.stdout, d, asJSON)
			default:
				return listing.Variables(e.stdout, d, asJSON)
			}
		},
	}
	load.register(cmd)
	registerAffected(cmd.Flags(), &since)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list templates too: targets that are there to be inherited")
	return cmd
}

// listed says which targets are listed: those that have changed since some
// revisions, if there are any.
func (l *loadFlags) listed(ctx context.Context, e *env, d *config.Definition, since []string, all bool) (func(config.ListedTarget) bool, error) {
	if len(since) == 0 {
		return func(t config.ListedTarget) bool { return all || !t.Template }, nil
	}
	var names []string
	for _, t := range d.Targets() {
		if !t.Template {
			names = append(names, t.Name)
		}
	}
	changed, _, err := l.narrow(ctx, e, names, since)
	return func(t config.ListedTarget) bool { return slices.Contains(changed, t.Name) }, err
}

func listUsage(args []string) error {
	text := "orch list takes one of " + strings.Join(listable, ", ") + ", and perhaps a URL"
	if len(args) > 0 {
		text += fmt.Sprintf(", got %q", strings.Join(args, " "))
	}
	return usagef("%s", text)
}

// runList runs bake --list, which lists in bake's format.
func runList(ctx context.Context, e *env, load *loadFlags, b *bakeFlags) error {
	if b.print {
		return usagef("--print and --list exclude each other")
	}
	l, err := listing.ParseFlag(b.list)
	if err != nil {
		return usage.Wrap(err)
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
	if l.What == "variables" {
		return listing.BakeVariables(e.stdout, d, l.Format)
	}
	return listing.BakeTargets(e.stdout, d, l.Format)
}
