package main

import (
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/internal/diag"
)

func newValidateCommand(e *env) *cobra.Command {
	var load loadFlags
	var builder builderFlags
	var asJSON, deep, withLint, strict bool
	cmd := &cobra.Command{
		Use:   "validate [URL [CONTEXT]] [TARGET…]",
		Short: "Find everything that is wrong with a definition",
		Long: `validate reads the definition, works out every target, and prints all that
is wrong. It builds nothing, and without --deep it looks at no Dockerfile.

With --deep it reads the Dockerfiles too, and finds what bake would refuse or
warn of before it starts: stages, files and secrets that are not there, tags
and outputs that two targets write, platforms that do not exist, arguments that
nobody declares or that stand above steps which do not use them. With --lint it
also has BuildKit's own rules checked. That takes a builder only where a
Dockerfile starts from an image or names another frontend. Both leave templates
out, which are targets that are there to be inherited, unless they are named.

Exit codes: 0 no errors, 2 errors, or warnings with --strict.`,
		Example: `  orch validate
  orch validate --deep --strict
  orch validate --lint app
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
			cfg, diags, err := e.resolve(files, opts)
			if err != nil {
				return err
			}
			sources := []map[string][]byte{sourcesFor(files, opts)}
			if (deep || withLint) && !diags.HasErrors() {
				if err := load.allowedToPlan(cmd.Context(), e, cfg); err != nil {
					return err
				}
				if opts.All {
					cfg = cfg.WithoutTemplates()
				}
				var fetcher *builderFlags
				if withLint { // BuildKit's rules are for remote contexts too
					fetcher = &builder
				}
				e.policies = newPolicies(cmd.Context(), e, fetcher)
				defer e.policies.close()
				if err := e.policies.whole(cfg); err != nil {
					return err
				}
				plan, more := checkedPlan(e, cfg, localPlatform(), opts.All)
				sources = append(sources, plan.Sources)
				if !more.HasErrors() {
					more = append(more, e.policies.compile(cfg.Targets)...)
				}
				if withLint && !more.HasErrors() {
					found, err := lint(cmd.Context(), e, plan, &builder)
					if err != nil {
						return err
					}
					more = append(more, found...)
				}
				diags = append(diags, more...)
			}
			if strict {
				stricter(diags)
			}
			if asJSON {
				return reported(diag.JSON(e.stdout, diags))
			}
			return e.report(diags, sources...)
		},
	}
	load.register(cmd.Flags())
	builder.register(cmd)
	cmd.Flags().BoolVar(&deep, "deep", false, "read the Dockerfiles too, and check what bake checks before it builds")
	cmd.Flags().BoolVar(&withLint, "lint", false, "as --deep, and check BuildKit's own rules for Dockerfiles")
	cmd.Flags().BoolVar(&strict, "strict", false, "count warnings as errors")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is wrong as JSON, on standard output")
	return cmd
}
