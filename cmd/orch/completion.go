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

// completionLong says, for each shell, how its script is used: cobra's own texts ask for
// a package that the script does without.
var completionLong = map[string]string{
	"completion": `Print a script by which a shell completes the commands of orch, their flags, and what
both take: targets, platforms, builders, runs.`,
	"bash": `The script needs no other package, and none that is installed is in its way.

For the shell that runs:

  source <(orch completion bash)

For each new one:

  echo 'source <(orch completion bash)' >>~/.bashrc`,
	"zsh": `For the shell that runs:

  source <(orch completion zsh)

For each new one, write it into a folder of $fpath:

  orch completion zsh >"${fpath[1]}/_orch"

zsh completes only where ~/.zshrc has the line:

  autoload -U compinit; compinit`,
	"fish": `For the shell that runs:

  orch completion fish | source

For each new one:

  orch completion fish >~/.config/fish/completions/orch.fish`,
	"powershell": `For the shell that runs, and for each new one as a line of $PROFILE:

  orch completion powershell | Out-String | Invoke-Expression`,
}

// completeEverywhere mends the scripts of cobra: that for bash works without the package
// bash-completion, and that for fish completes --FLAG=VALUE.
func completeEverywhere(completion *cobra.Command) {
	completion.Long = completionLong["completion"]
	for _, cmd := range completion.Commands() {
		cmd.Long = completionLong[cmd.Name()]
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
