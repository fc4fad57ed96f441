package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/runs"
)

func newLogsCommand(e *planning.Session) *cobra.Command {
	var run string
	var choice runs.Choice
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "logs [TARGET|STAGE|STEP]",
		Short: "Print what the steps of the last run printed",
		Long: `logs prints the output of the steps of the last run in this folder, or of --run:
all of it, or that of a target, a stage, or a step as the build named it, such as
"build 2/3" or "#12". TARGET@STAGE and TARGET@STEP are those of one target. The
output of a single step comes without a heading.

Secrets are masked, as they were on the screen. Of a step that printed more than
16 MB, the beginning and the end are kept.`,
		Example: `  orch logs --failed --tail 50    the end of what failed
  orch logs api
  orch logs 'api@build 2/3' >build.log
  orch logs '#12' --run 20261129-0412`,
		Args:              atMostOne("one target, stage or step"),
		ValidArgsFunction: completeLogs(e, &run),
		RunE: func(cmd *cobra.Command, args []string) error {
			if choice.Tail < 0 {
				return usage.Errorf("--tail %d: it takes a number of lines, or 0 for all of them", choice.Tail)
			}
			choice.Part = ""
			if len(args) > 0 {
				choice.Part = args[0]
			}
			k, err := findRun(e, some(run))
			if err != nil {
				return err
			}
			logs, err := runs.LogsOf(k, choice)
			switch {
			case err != nil:
				return usage.Wrap(err)
			case asJSON:
				return termtext.PrintJSON(e.Stdout, logs)
			case len(logs.Parts) == 0:
				fmt.Fprintf(e.Stderr, "%s\n", choice.Nothing(k.ID))
			}
			return logs.Print(e.Stdout, choice.Part != "")
		},
	}
	f := cmd.Flags()
	f.StringVar(&run, "run", "", "of the run of this `ID`, or of what it begins with")
	f.BoolVar(&choice.Failed, "failed", false, "only of the steps and tests that failed")
	f.IntVarP(&choice.Tail, "tail", "n", 0, "only the last `N` lines of each step; 0 is all")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	_ = cmd.RegisterFlagCompletionFunc("run", completeRuns(e))
	return cmd
}

// atMostOne takes one argument or none.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage.Errorf("%s takes %s, got %q", cmd.CommandPath(), what, strings.Join(args, " "))
		}
		return nil
	}
}

// some is a list of the texts that are not empty.
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// findRun finds the run that a command line names, which is the last one if it
// names none.
func findRun(e *planning.Session, args []string) (record.Kept, error) {
	store, _, err := record.Nearest(e.Getenv)
	if err != nil {
		return record.Kept{}, err
	}
	id := ""
	if len(args) > 0 {
		id = args[0]
	}
	k, err := store.Find(id)
	return k, usage.Wrap(err)
}

// completeRuns completes the IDs of runs.
func completeRuns(e *planning.Session) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		store, _, err := record.Nearest(e.Getenv)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return runs.IDs(store), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeLogs completes the targets and steps of a run.
func completeLogs(e *planning.Session, run *string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		k, err := findRun(e, some(*run))
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return runs.Parts(k), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
