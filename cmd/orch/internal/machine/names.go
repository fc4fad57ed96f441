package machine

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/runner/builders"
)

// CompleteBuilders completes the names of builders in a shell.
func CompleteBuilders(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	e := New(cli.OS(), nil)
	var out []string
	if all, _ := e.Catalog().List(); len(args) == 0 || cmd.Flags().Lookup("builder") != nil {
		for _, b := range all {
			out = append(out, cobra.CompletionWithDesc(b.Name, string(b.Driver)+" builder of "+b.Origin))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// CompleteOwnBuilders completes the names of those of a builders.hcl: the user's, or the
// project's with --project.
func CompleteOwnBuilders(user func(getenv func(string) string) string, project func() string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		e := New(cli.OS(), nil)
		from := user(e.Getenv)
		if yes, _ := cmd.Flags().GetBool("project"); yes {
			from = project()
		}
		var out []string
		all, _ := e.Catalog().List()
		for _, b := range all {
			if b.Origin == from && !slices.Contains(args, b.Name) {
				out = append(out, b.Name)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// BuilderNames are the names of the builder that the flags choose, as its site
// has them: that of the node which has the platforms, where there are several.
func (e *Machine) BuilderNames(flags *BuilderFlags) ([]string, error) {
	if len(e.OnlyNames) > 0 && len(flags.names) == 0 {
		return e.OnlyNames, nil
	}
	choice, err := flags.Choose(e)
	if err != nil {
		return nil, err
	}
	switch {
	case choice.Driver == builders.Embedded:
		return []string{embeddedName}, nil
	case len(choice.Nodes) == 1:
		return []string{choice.Name}, nil
	}
	var names []string
	for _, node := range choice.Nodes {
		names = append(names, choice.Name+"/"+node.Name)
	}
	return names, nil
}
