package main

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/diag"
)

func newValidateCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var asJSON, deep, withLint, strict bool
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
			defer load.Loader.Close()
			all := len(args) == 0
			d, err := load.Loader.Resolve(cmd.Context(), func(o *config.Options) { o.Targets, o.All = args, all })
			if err != nil {
				return err
			}
			cfg, diags := d.Config, d.Diags
			sources := []map[string][]byte{d.Texts}
			if (deep || withLint) && !diags.HasErrors() {
				if err := load.AllowedToPlan(cmd.Context(), e, cfg); err != nil {
					return err
				}
				if all {
					cfg = cfg.WithoutTemplates()
				}
				var fetcher *machine.BuilderFlags
				if withLint { // BuildKit's rules are for remote contexts too
					fetcher = &load.Builder
				}
				e.Policies = planning.NewPolicies(cmd.Context(), e, fetcher)
				defer e.Policies.Close()
				if err := e.WholeFor(cfg); err != nil {
					return err
				}
				plan, more, err := e.MakePlan(cmd.Context(), cfg, planning.Options{Checks: true, Apart: all})
				if err != nil {
					return err
				}
				sources = append(sources, plan.Sources)
				if !more.HasErrors() {
					more = append(more, e.Policies.Compile(e.Policies, cfg.Targets)...)
				}
				if withLint && !more.HasErrors() {
					found, err := build.Lint(cmd.Context(), e, plan, &load.Builder)
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
				return cli.Reported(diag.JSON(e.Stdout, diags))
			}
			return e.Report(diags, sources...)
		},
	}
	load.Register(cmd)
	cmd.Flags().BoolVar(&deep, "deep", false, "read the Dockerfiles too, and check what bake checks before it builds")
	cmd.Flags().BoolVar(&withLint, "lint", false, "as --deep, and check BuildKit's own rules for Dockerfiles")
	cmd.Flags().BoolVar(&strict, "strict", false, "count warnings as errors")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is wrong as JSON, on standard output")
	return cmd
}

// stricter turns warnings into errors.
func stricter(diags hcl.Diagnostics) {
	for _, d := range diags {
		d.Severity = hcl.DiagError
	}
}
