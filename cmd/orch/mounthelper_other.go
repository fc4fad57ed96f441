//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/runner/buildkit/cachemounts"
)

// newMountHelperCommand is empty where no container of a builder can run this
// program.
func newMountHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    cachemounts.Command,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("this program runs in no container of a builder")
		},
	}
}
