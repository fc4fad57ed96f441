package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/runner/buildkit/cachemounts"
)

// newMountHelperCommand is the command by which orch reads and fills cache mounts
// in a container of the builder. Nobody types it.
func newMountHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use:                cachemounts.Command,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE:               func(_ *cobra.Command, args []string) error { return helpMounts(args) },
	}
}
