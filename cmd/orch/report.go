package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/runs"
)

func newReportCommand(e *planning.Session) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Write a page about a run: what failed, why, what was slow, what waited",
		Long: `report makes the page of a run from its record, also of one that had no --report:
the graph coloured by state and time, a timeline, and for a target that failed the
lines of its Dockerfile, the end of the output and why it ran. Without RUN it is the
last run of this folder. The page is one file that needs no network.

The file is -o, or else report.html beside the record. Its path is printed; nothing
is opened.`,
		Example: `  orch report                     the last run
  orch report -o run.html
  orch report 20261129-0412 -o -  print the page`,
		Args:              atMostOne("the ID of one run"),
		ValidArgsFunction: completeRuns(e),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := findRun(e, args)
			if err != nil {
				return err
			}
			if output == "-" {
				return usage.Wrap(runs.Page(e.Stdout, k))
			}
			file := cmp.Or(output, runs.PageFile(k))
			if err := runs.WritePage(file, k); err != nil {
				return usage.Wrap(err)
			}
			fmt.Fprintln(e.Stdout, file)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the page to `FILE`; - prints it")
	return cmd
}
