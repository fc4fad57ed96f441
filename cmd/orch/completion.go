package main

import (
	"bytes"
	_ "embed"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// bashWords is what cobra's script takes from the package bash-completion, for shells
// that do not have it, and the handling of words with an equals sign.
//
//go:embed completion.bash
var bashWords string

// completeEverywhere mends the scripts of cobra: that for bash works without the package
// bash-completion, and that for fish completes --FLAG=VALUE.
func completeEverywhere(completion *cobra.Command) {
	for _, cmd := range completion.Commands() {
		switch cmd.Name() {
		case "bash":
			write := cmd.RunE
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if err := write(cmd, args); err != nil {
					return err
				}
				_, err := io.WriteString(cmd.OutOrStdout(), bashWords)
				return err
			}
		case "fish":
			cmd.RunE = writeFish
		}
	}
}

// writeFish writes the script for fish. What begins with a dash is no option of fish's
// own command that takes the description off it.
func writeFish(cmd *cobra.Command, _ []string) error {
	bare, _ := cmd.Flags().GetBool("no-descriptions")
	var script bytes.Buffer
	if err := cmd.Root().GenFishCompletion(&script, !bare); err != nil {
		return err
	}
	text := strings.ReplaceAll(script.String(), `string split --max 1 \t`, `string split --max 1 -- \t`)
	_, err := io.WriteString(cmd.OutOrStdout(), text)
	return err
}
