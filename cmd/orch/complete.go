package main

import (
	"github.com/orch-build/orch/config"
	"github.com/spf13/cobra"
)

// completeTargets completes the names of targets and groups in a shell.
func completeTargets(e *env, load *loadFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && config.IsRemote(args[0]) {
			return nil, cobra.ShellCompDirectiveNoFileComp // to fetch it takes too long
		}
		quiet := e.quiet()
		if _, err := load.open(quiet, nil); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		d, err := load.evaluate(cmd.Context(), quiet)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completions(d), cobra.ShellCompDirectiveNoFileComp
	}
}

func completions(d *config.Definition) []string {
	var out []string
	for _, g := range d.Groups() {
		out = append(out, cobra.CompletionWithDesc(g.Name, "group "+g.Description))
	}
	for _, t := range d.Targets() {
		if t.Template {
			continue
		}
		out = append(out, cobra.CompletionWithDesc(t.Name, t.Description))
	}
	return out
}
