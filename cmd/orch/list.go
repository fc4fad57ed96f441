package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/inspect"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
)

func newListCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var list inspect.List
	cmd := &cobra.Command{
		Use:   "list [targets|groups|variables] [URL]",
		Short: "List what a definition holds: its targets, unless something else is named",
		Example: `  orch list
  orch list targets --affected origin/main
  orch list variables --json`,
		Args:      func(_ *cobra.Command, args []string) error { return inspect.CheckList(args) },
		ValidArgs: inspect.Listable,
		RunE: func(cmd *cobra.Command, args []string) error {
			return list.Print(cmd.Context(), e, &load, args)
		},
	}
	load.Register(cmd, e)
	compare.RegisterAffected(cmd.Flags(), &list.Since)
	cmd.Flags().BoolVar(&list.JSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&list.All, "all", "a", false, "list templates too: targets that are there to be inherited")
	return cmd
}
