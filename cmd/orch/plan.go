package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/inspect"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/sharding"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/planner/shard"
)

func newPlanCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var p inspect.Plan
	var shards sharding.PlanFlags
	cmd := &cobra.Command{
		Use:   "plan [URL [CONTEXT]] [TARGET…]",
		Short: "Show the stages that would be built, and which of them are shared",
		Long: `plan reads the definition and the Dockerfiles, and shows what a build of the
targets would do: the stages that several targets share, the longest chain of
stages, the order of the builds, and what each target adds. Once the targets
have been built here, it says how long the chain took. It builds nothing, and
needs a builder only to fetch a definition from a URL.

Formats: text; json, described in docs/plan.md; dot, for Graphviz; mermaid, for
Markdown; html, one page with the graph, the targets and their Dockerfiles,
which needs no network.

--files lists instead which files the stages read from local contexts, and
points out contexts that let through much more. --digests prints for each target
and stage a digest over everything that can change its result; it is the same
for the same commit on every machine, and marked as open where something cannot
be known, such as what a tag means. --format json --digests prints the plan with
the digests of its targets and vertices.

--shards divides the targets among that many jobs of a CI system, by the time
that they took in earlier runs, and writes the plan of it with -o; --format prints
the matrix or the child pipeline of a system. 'orch bake --shard' builds one of
the shards, and 'orch merge' puts their results together.

--builders reaches several builders, and shows which of them would build what, and
why; with --json as JSON.`,
		Example: `  orch plan
  orch plan client server
  orch plan --set '*.platform=linux/amd64,linux/arm64' server
  orch plan --files server
  orch plan --digests --json | jq -r '.targets[] | "\(.name) \(.digest)"'
  orch plan --format html -o plan.html
  orch plan --format json | jq -r '.vertices[] | select(.targets | length > 1) | .name'
  orch plan --shards 7 -o shards.json
  orch plan --shards auto --affected origin/main -o shards.json --format github >>"$GITHUB_OUTPUT"
  orch plan --builders fleet
  orch plan --format dot | dot -Tsvg >plan.svg`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := shards.Check(cmd.Flags(), &load); err != nil {
				return err
			}
			if err := p.Builders.Check(cmd.Flags()); err != nil {
				return err
			}
			args, err := load.Open(e, p.Builders.Open(e, &load, args))
			if err != nil {
				return err
			}
			if shards.Asked() {
				return shards.Run(cmd.Context(), e, &load, sharding.Input{Targets: args, Format: p.Format, Output: p.Output, Since: p.Since})
			}
			p.FormatSet = cmd.Flags().Changed("format")
			return p.Print(cmd.Context(), e, &load, args)
		},
	}
	load.Register(cmd, e)
	load.RegisterLook(cmd.Flags())
	load.RegisterLock(cmd.Flags())
	p.Inputs.Register(cmd.Flags())
	helptext.Grouped(cmd.Flags(), "Builder", p.Builders.Register)
	helptext.Grouped(cmd.Flags(), "Shards", shards.Register)
	compare.RegisterAffected(cmd.Flags(), &p.Since)
	cmd.Flags().StringVar(&p.Format, "format", "text", "`FORMAT` is "+strings.Join(inspect.Formats, ", ")+"; with --shards "+strings.Join(shard.Formats, ", "))
	cmd.Flags().StringVarP(&p.Output, "output", "o", "", "write to `FILE` instead of standard output")
	_ = cmd.RegisterFlagCompletionFunc("builders", machine.CompleteBuilders)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(slices.Compact(slices.Concat(inspect.Formats, shard.Formats[2:])), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
