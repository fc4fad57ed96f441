package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report/listing"
)

// listable are the things that can be listed.
var listable = []string{"targets", "groups", "variables"}

func newListCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
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
			rest, err := load.Open(e, args[1:])
			if err != nil {
				return err
			}
			if len(rest) > 0 || !slices.Contains(listable, args[0]) {
				return listUsage(args)
			}
			if len(since) > 0 && args[0] != "targets" {
				return usage.Errorf("--affected goes with orch list targets")
			}
			d, err := load.Evaluate(cmd.Context(), e)
			if err != nil {
				return err
			}
			switch args[0] {
			case "targets":
				keep, err := wantedTargets(cmd.Context(), e, &load, d, since, all)
				if err != nil {
					return err
				}
				return listing.Targets(e.Stdout, d, asJSON, keep)
			case "groups":
				return listing.Groups(e.Stdout, d, asJSON)
			default:
				return listing.Variables(e.Stdout, d, asJSON)
			}
		},
	}
	load.Register(cmd)
	compare.RegisterAffected(cmd.Flags(), &since)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list templates too: targets that are there to be inherited")
	return cmd
}

// wantedTargets says which targets are listed: those that have changed since some
// revisions, if there are any.
func wantedTargets(ctx context.Context, e *planning.Session, l *planning.Flags, d *config.Definition, since []string, all bool) (func(config.ListedTarget) bool, error) {
	if len(since) == 0 {
		return func(t config.ListedTarget) bool { return all || !t.Template }, nil
	}
	var names []string
	for _, t := range d.Targets() {
		if !t.Template {
			names = append(names, t.Name)
		}
	}
	changed, _, err := compare.Narrow(ctx, e, l, names, since)
	return func(t config.ListedTarget) bool { return slices.Contains(changed, t.Name) }, err
}

func listUsage(args []string) error {
	text := "orch list takes one of " + strings.Join(listable, ", ") + ", and perhaps a URL"
	if len(args) > 0 {
		text += fmt.Sprintf(", got %q", strings.Join(args, " "))
	}
	return usage.Errorf("%s", text)
}
