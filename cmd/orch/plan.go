package main

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/sharding"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/print"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/times"
)

// planFormats are the forms of a plan, as --format names them.
var planFormats = []string{"text", "json", "dot", "mermaid", "html"}

func newPlanCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var inputs inputsFlags
	var shards sharding.PlanFlags
	var who planBuildersFlag
	var format, output string
	var since []string
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
			args, err := load.Open(e, who.open(e, &load, args))
			if err != nil {
				return err
			}
			if shards.Asked() {
				return shards.Run(cmd.Context(), e, &load, sharding.Input{Targets: args, Format: format, Output: output, Since: since})
			}
			if !slices.Contains(planFormats, format) {
				return usage.Errorf("--format %q is not one of %s", format, strings.Join(planFormats, ", "))
			}
			args, none, err := compare.Narrow(cmd.Context(), e, &load, args, since)
			if err != nil {
				return err
			}
			if none && output == "" && format == "text" && !inputs.json && !inputs.asked(format) {
				return nil // the note says it all
			}
			cfg := &config.Config{}
			if !none {
				if cfg, err = load.Resolve(cmd.Context(), e, func(o *config.Options) { o.Targets = args }, nil); err != nil {
					return err
				}
			}
			if err := load.AllowedToPlan(cmd.Context(), e, cfg); err != nil {
				return err
			}
			if err := inputs.check(format); err != nil {
				return err
			}
			if inputs.asked(format) {
				return inputs.print(cmd.Context(), e, cfg, e.Stdout)
			}
			if who.asked {
				if inputs.json {
					format = "json"
				}
				return who.print(cmd.Context(), e, &load, cfg, format, output)
			}
			if inputs.json {
				if cmd.Flags().Changed("format") && format != "json" {
					return usage.Errorf("--json and --format %s contradict each other", format)
				}
				format = "json"
			}
			plan, err := e.Planned(cmd.Context(), cfg, planning.Options{})
			if err != nil {
				return err
			}
			digests, err := inputs.inputs(cmd.Context(), e, plan)
			if err != nil {
				return err
			}
			opt := print.Options{Times: lastTimes(e, plan), Mask: cfg.Mask, Inputs: digests}
			if output == "" || output == "-" {
				return printPlan(e.Stdout, plan, format, textOptions(e, e.Stdout), opt)
			}
			return writePlan(output, plan, format, opt)
		},
	}
	load.Register(cmd)
	inputs.register(cmd.Flags())
	helptext.Grouped(cmd.Flags(), "Builder", who.register)
	helptext.Grouped(cmd.Flags(), "Shards", shards.Register)
	compare.RegisterAffected(cmd.Flags(), &since)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` is "+strings.Join(planFormats, ", ")+"; with --shards "+strings.Join(shard.Formats, ", "))
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE` instead of standard output")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(slices.Compact(slices.Concat(planFormats, shard.Formats[2:])), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// printPlan prints a plan in one of planFormats.
func printPlan(w io.Writer, plan *planner.Plan, format string, text print.TextOptions, opt print.Options) error {
	switch format {
	case "json":
		return print.JSON(termtext.JSONWriter(w), plan, opt)
	case "dot":
		return print.DOT(termtext.Raw(w), plan, opt)
	case "mermaid":
		return print.Mermaid(termtext.Raw(w), plan, opt)
	case "html":
		return print.HTML(termtext.Raw(w), plan, opt)
	default:
		text.Options = opt
		if err := print.Text(termtext.Colored(w), plan, text); err != nil {
			return err
		}
		return hint(w, plan)
	}
}

// writePlan replaces a file with a plan, in one step.
func writePlan(path string, plan *planner.Plan, format string, opt print.Options) error {
	var b bytes.Buffer
	if err := printPlan(&b, plan, format, print.TextOptions{}, opt); err != nil {
		return err
	}
	if err := output.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return usage.Errorf("writing the plan: %w", err)
	}
	return nil
}

// lastTimes returns how long the stages of a plan took when they last ran in
// this folder; nil if no run was recorded.
func lastTimes(e *planning.Session, plan *planner.Plan) planner.Times {
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return nil
	}
	book := times.Load(store.Dir())
	known := planner.Times{}
	for _, v := range plan.Graph.Vertices {
		if took, ok := book.Of(v); ok {
			known[v.ID] = took
		}
	}
	return known
}

// textOptions fits printed plans to a terminal.
func textOptions(e *planning.Session, w io.Writer) print.TextOptions {
	if !termtext.IsTerminal(w) {
		return print.TextOptions{}
	}
	width, _, err := term.GetSize(int(termtext.File(w).Fd()))
	if err != nil {
		width = 0
	}
	return print.TextOptions{Width: width, Color: termtext.HasColor(w)}
}
