package main

import (
	"github.com/spf13/cobra"
)

func newValidateCommand(e *env) *cobra.Command {
	var load loadFlags
	var builder builderFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [URL [CONTEXT]] [TARGET…]",
		Short: "Find everything that is wrong with a definition",
		Long: `validate reads the definition, works out every target, and prints all that
is wrong. It builds nothing and looks at no Dockerfile.`,
		Example: `  orch validate
  orch validate --json -f ci/build.hcl`,
		ValidArgsFunction: completeTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = load.takeArgs(cmd.Context(), &builder, args)
			defer load.close()
			files, opts, err := load.read(e)
			if err != nil {
				return err
			}
			opts.Targets, opts.All = args, len(args) == 0
			_, diags := resolve(files, opts)
			if asJSON {
				return e.reportJSON(diags)
			}
			return e.report(diags, sourcesFor(files, opts))
		},
	}
	load.register(cmd.Flags())
	builder.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is wrong as JSON, on standard output")
	return cmd
}
