//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// newDaemonCommand is empty where there is no embedded builder.
func newDaemonCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "__daemon",
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("the embedded builder needs Linux")
		},
	}
}
