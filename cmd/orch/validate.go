package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/inspect"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
)

func newValidateCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var check inspect.Check
	cmd := &cobra.Command{
		Use:   "validate [URL [CONTEXT]] [TARGET…]",
		Short: "Find everything that is wrong with a definition",
		Long: `validate reads the definition, evaluates every target, and prints all that
is wrong. It builds nothing, and without --deep it looks at no Dockerfile.

With --deep it reads the Dockerfiles too, and finds what bake would refuse or
warn of before it starts: stages, files and secrets that are not there, tags
and outputs that two targets write, platforms that do not exist, arguments that
nobody declares or that are above steps which do not use them. With --lint it
also has BuildKit's own rules checked. That takes a builder only where a
Dockerfile starts from an image or names another frontend. Both leave templates
out, which are targets that are there to be inherited, unless they are named.

Exit codes: 0 no errors, 2 errors, or warnings with --strict.`,
		Example: `  orch validate
  orch validate --deep --strict
  orch validate --lint app
  orch validate --json -f ci/build.hcl`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := load.Open(e, args)
			if err != nil {
				return err
			}
			return check.Print(cmd.Context(), e, &load, args)
		},
	}
	load.Register(cmd, e)
	load.RegisterLook(cmd.Flags())
	load.RegisterLock(cmd.Flags())
	cmd.Flags().BoolVar(&check.Deep, "deep", false, "read the Dockerfiles too, and check what bake checks before it builds")
	cmd.Flags().BoolVar(&check.Lint, "lint", false, "as --deep, and check BuildKit's own rules for Dockerfiles")
	cmd.Flags().BoolVar(&check.Strict, "strict", false, "count warnings as errors")
	cmd.Flags().BoolVar(&check.JSON, "json", false, "print what is wrong as JSON, on standard output")
	return cmd
}
