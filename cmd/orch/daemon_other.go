//go:build !linux || orch_split

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// newDaemonCommand is empty where the embedded builder is not in this program:
// outside Linux there is none, and a split orch carries it packed.
func newDaemonCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "__daemon",
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("the embedded builder is not in this program")
		},
	}
}
