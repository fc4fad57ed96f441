package planning

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/config"
)

// CompleteTargets completes the names of targets and groups in a shell.
func CompleteTargets(e *Session, load *Flags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && config.IsRemote(args[0]) {
			return nil, cobra.ShellCompDirectiveNoFileComp // to fetch it takes too long
		}
		quiet := e.Quiet()
		if _, err := load.Open(quiet, nil); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		d, err := load.Evaluate(cmd.Context(), quiet)
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
