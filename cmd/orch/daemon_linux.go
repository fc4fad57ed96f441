//go:build !orch_split

package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/runner/embedded/server"
)

// newDaemonCommand is the command by which orch starts itself as the embedded
// builder. Nobody types it.
func newDaemonCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "__daemon",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			return server.Serve(args)
		},
	}
}
