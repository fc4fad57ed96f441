package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/runs"
)

const runsLong = `runs lists the runs of this folder, the newest first: when they ran, what they
built and how they ended. orch keeps a record of the last 10 runs of each folder,
with the output of every step, in its state folder.

'orch logs' prints what the steps of a run printed, and 'orch report' writes a
page about it. A run is named by its ID or the beginning of it.`

func newRunsCommand(e *planning.Session) *cobra.Command {
	var asJSON bool
	var most int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of this folder, and move them to other machines",
		Long:  runsLong,
		Example: `  orch runs
  orch runs -n 1 --json | jq -r '.[0].failed[]'
  orch runs export 20261129 -o run.zip
  orch runs import run.zip`,
		Args: helptext.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most < 0 {
				return usage.Errorf("-n %d: it takes a number of runs, or 0 for all of them", most)
			}
			store, _, err := record.Nearest(e.Getenv)
			if err != nil {
				return err
			}
			rows := runs.List(store, most)
			switch {
			case asJSON:
				return termtext.PrintJSON(e.Stdout, rows)
			case len(rows) == 0:
				fmt.Fprintf(e.Stderr, "%s%s.\n", "N", record.ErrNoRun.Error()[1:])
				return nil
			}
			return runs.Print(e.Stdout, rows, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVarP(&most, "number", "n", 0, "list at most `N` runs; 0 is all")
	cmd.AddCommand(newRunsExportCommand(e), newRunsImportCommand(e))
	return cmd
}

func newRunsExportCommand(e *planning.Session) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [RUN] -o FILE",
		Short: "Put a run into one file: its record, its plan and the output of its steps",
		Long: `export writes a zip file with all that is kept of a run: an artifact of a CI job,
which 'orch runs import' takes on another machine. Without RUN it is the last run
of this folder. Secrets are not in it: they are masked when they are recorded.`,
		Example: `  orch runs export -o run.zip
  orch runs export 20261129-0412 -o run.zip`,
		Args:              atMostOne("the ID of one run"),
		ValidArgsFunction: completeRuns(e),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return usage.Errorf("-o FILE says where the run is written to")
			}
			k, err := findRun(e, args)
			if err != nil {
				return err
			}
			if err := runs.Export(k, output); err != nil {
				return usage.Wrap(err)
			}
			fmt.Fprintf(e.Stderr, "The run %s is in %s.\n", k.ID, termtext.Line(output))
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the run to `FILE`")
	return cmd
}

func newRunsImportCommand(e *planning.Session) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Take a run out of a file that 'orch runs export' has written",
		Long: `import keeps a run of another machine beside the runs of this folder, so that
'orch logs' and 'orch report' show it. It is never the last run: --resume and
'orch explain' go by the runs that were here.`,
		Example: `  orch runs import run.zip
  orch report "$(orch runs import run.zip)"`,
		Args: atMostOne("the name of one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage.Errorf("orch runs import takes the file that 'orch runs export' has written")
			}
			store, _, err := record.Nearest(e.Getenv)
			if err != nil {
				return err
			}
			k, err := runs.Import(store, args[0])
			if err != nil {
				return usage.Wrap(err)
			}
			fmt.Fprintln(e.Stdout, k.ID)
			return nil
		},
	}
}
