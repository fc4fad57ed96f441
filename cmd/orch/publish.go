package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/publish"
)

// publishModes are the values of --publish.
var publishModes = []string{"auto", "together", "each"}

// together says whether the tags of a run move in one phase at its end.
func together(plan *planner.Plan, opt runOptions) bool {
	if opt.publish != "auto" {
		return opt.publish == "together"
	}
	pushed, tested := 0, false
	for _, b := range plan.Builds {
		if pushes(b) {
			pushed++
			tested = tested || len(b.Target.Tests) > 0
		}
	}
	return pushed > 1 || tested || unpublishedEarlier(opt.earlier) > 0
}

// pushes says whether any output of a build goes to a registry.
func pushes(b *planner.Build) bool {
	for _, o := range b.Target.Outputs {
		if o.Type == "registry" || o.Type == "image" && o.Attrs["push"] == "true" {
			return true
		}
	}
	return false
}

func unpublishedEarlier(earlier []*runner.RecordTarget) int {
	n := 0
	for _, t := range earlier {
		n += len(t.Unpublished)
	}
	return n
}

// unpublished lists the tags that a run, and the one that it goes on from,
// have not moved.
func unpublished(report *runner.Report, earlier []*runner.RecordTarget) []publish.Move {
	var moves []publish.Move
	add := func(tags []runner.Tag) {
		for _, t := range tags {
			moves = append(moves, publish.Move{Ref: publish.Ref{Name: t.Name, Insecure: t.Insecure}, New: t.Digest})
		}
	}
	for _, t := range earlier {
		add(t.Unpublished)
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			add(t.Result.Unpublished)
		}
	}
	return moves
}

// publishTags moves the tags of a good run.
func publishTags(ctx context.Context, e *env, report *runner.Report, earlier []*runner.RecordTarget) error {
	moves := unpublished(report, earlier)
	if len(moves) == 0 {
		return nil
	}
	p, err := publisher(e)
	if err != nil {
		return err
	}
	if err := p.Publish(ctx, moves); err != nil {
		return err
	}
	report.Published = len(moves)
	for _, t := range earlier {
		t.Unpublished = nil
	}
	for _, t := range report.Targets {
		if t.Result != nil {
			t.Result.Unpublished = nil
		}
	}
	return nil
}

// publisher keeps its journals in the state folder.
func publisher(e *env) (*publish.Publisher, error) {
	state, err := embedded.DefaultStateDir(e.getenv)
	if err != nil {
		return nil, err
	}
	registry, err := publish.NewRemote(0)
	if err != nil {
		return nil, err
	}
	return &publish.Publisher{Dir: filepath.Join(state, "publish"), Registry: registry}, nil
}

const publishLong = `Look after tags that a run has moved only in part.

Where more than one target is pushed, 'orch bake' pushes every image under its
digest and moves the tags at the end, in one phase, when every target and test
is good. If a tag cannot be moved then, the others are put back. If that fails
too, or the process ends in that phase, a journal is left, which the next run
finishes, or one of these flags.`

func newPublishCommand(e *env) *cobra.Command {
	var resume, rollback, asJSON bool
	cmd := &cobra.Command{
		Use:   "publish --status|--resume|--rollback",
		Short: "Finish or undo the publication of tags",
		Long:  publishLong,
		Example: `  orch publish --status         list what is unfinished
  orch publish --resume         move the rest of the tags
  orch publish --rollback       put the tags back that were moved`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status := cmd.Flags().Changed("status"); resume && rollback || status && (resume || rollback) {
				return usagef("--status, --resume and --rollback contradict each other")
			}
			if asJSON && (resume || rollback) {
				return usagef("--json goes with --status")
			}
			p, err := publisher(e)
			if err != nil {
				return err
			}
			pending, err := p.Pending()
			if err != nil {
				return err
			}
			switch {
			case resume:
				err = p.Resume(cmd.Context())
			case rollback:
				err = p.Rollback(cmd.Context())
			case asJSON:
				return printPendingJSON(e.stdout, pending)
			default:
				printPending(e.stdout, pending)
				return nil
			}
			if err != nil {
				return err
			}
			printHandled(e.stdout, pending, resume)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.Bool("status", true, "list the tags that are not where a run wanted them; this is the default")
	flags.BoolVar(&resume, "resume", false, "move the tags that have not moved")
	flags.BoolVar(&rollback, "rollback", false, "put the tags back that have moved; one that somebody else has moved since stays")
	flags.BoolVar(&asJSON, "json", false, "with --status: print as JSON")
	return cmd
}

func printPendingJSON(w io.Writer, pending []publish.Pending) error {
	if pending == nil {
		pending = []publish.Pending{}
	}
	data, err := json.MarshalIndent(pending, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(data))
	return err
}

func printPending(w io.Writer, pending []publish.Pending) {
	if len(pending) == 0 {
		fmt.Fprintln(w, "Nothing is unfinished.")
		return
	}
	for _, p := range pending {
		fmt.Fprintf(w, "Begun at %s, in %s:\n", p.Started.Local().Format(time.DateTime), p.Path)
		for _, m := range p.Moves {
			old := "nothing"
			if m.Old != "" {
				old = shortDigest(m.Old)
			}
			fmt.Fprintf(w, "  %s: from %s to %s\n", m.Name, old, shortDigest(m.New))
		}
	}
}

func printHandled(w io.Writer, pending []publish.Pending, forward bool) {
	n := 0
	for _, p := range pending {
		n += len(p.Moves)
	}
	switch {
	case n == 0:
		fmt.Fprintln(w, "Nothing was unfinished.")
	case forward:
		fmt.Fprintf(w, "%s published.\n", count(n, "tag"))
	default:
		fmt.Fprintf(w, "%s where they were.\n", count(n, "tag"))
	}
}

// publishRest moves the tags of a run whose targets are all built.
func publishRest(ctx context.Context, e *env, rest *resumed) error {
	report := &runner.Report{}
	if err := publishTags(ctx, e, report, rest.done); err != nil {
		return err
	}
	if report.Published > 0 {
		fmt.Fprintf(e.stderr, "%s published.\n", count(report.Published, "tag"))
	}
	return nil
}
