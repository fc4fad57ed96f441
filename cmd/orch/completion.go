package main

import (
	_ "embed"
	"io"

	"github.com/spf13/cobra"
)

// bashWords is what cobra's script takes from the package bash-completion, for shells
// that do not have it, and the handling of words with an equals sign.
//
//go:embed completion.bash
var bashWords string

// completeInBash has the script for bash work without the package bash-completion.
func completeInBash(completion *cobra.Command) {
	for _, cmd := range completion.Commands() {
		if cmd.Name() != "bash" {
			continue
		}
		write := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := write(cmd, args); err != nil {
				return err
			}
			_, err := io.WriteString(cmd.OutOrStdout(), bashWords)
			return err
		}
	}
}
