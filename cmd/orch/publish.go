package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner/publish"
)

const publishLong = `Look after tags that a run has not moved, or moved only in part.

Where more than one target is pushed, 'orch bake' pushes every image under its
digest and moves the tags at the end, in one phase, when every target and test
is good. If a tag cannot be moved then, the others are put back, and a journal is
left by which --resume moves all of them later. If they cannot be put back
either, or the process ends in that phase, the journal says what is left: the
next run that moves one of the same tags finishes it, or one of these flags does.

Tags that somebody else has moved since are left alone. Without an ID, the flags
are for every journal; --status lists them.`

// publishFlags say what is done with journals.
type publishFlags struct {
	status, resume, rollback, forget, json bool
}

func newPublishCommand(e *planning.Session) *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:   "publish [--status|--resume|--rollback|--forget] [ID…]",
		Short: "Finish or undo the publication of tags",
		Long:  publishLong,
		Example: `  orch publish --status         list what is unfinished
  orch publish --resume         move the rest of the tags
  orch publish --rollback       put the tags back that were moved
  orch publish --forget         leave the tags as they are`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			f.status = cmd.Flags().Changed("status")
			return f.run(cmd.Context(), e, ids)
		},
	}
	flags := cmd.Flags()
	flags.Bool("status", true, "list the tags that are not where a run wanted them; this is the default")
	flags.BoolVar(&f.resume, "resume", false, "move the tags that have not moved; one that somebody else has moved since stays")
	flags.BoolVar(&f.rollback, "rollback", false, "put the tags back that have moved; one that somebody else has moved since stays")
	flags.BoolVar(&f.forget, "forget", false, "remove the journals, and leave the tags where they are")
	flags.BoolVar(&f.json, "json", false, "with --status: print as JSON")
	return cmd
}

func (f *publishFlags) run(ctx context.Context, e *planning.Session, ids []string) error {
	chosen := 0
	for _, on := range []bool{f.status, f.resume, f.rollback, f.forget} {
		if on {
			chosen++
		}
	}
	asks := !f.resume && !f.rollback && !f.forget
	switch {
	case chosen > 1:
		return usage.Errorf("--status, --resume, --rollback and --forget contradict each other")
	case f.json && !asks:
		return usage.Errorf("--json goes with --status")
	case asks && len(ids) > 0:
		return usage.Errorf("an ID goes with --resume, --rollback or --forget, got %q", ids[0])
	}
	p, err := e.Publisher()
	if err != nil {
		return err
	}
	switch {
	case f.resume:
		return handled(e, ids, "at their new images", func() ([]publish.Handled, error) { return p.Resume(ctx, ids...) })
	case f.rollback:
		return handled(e, ids, "where they were", func() ([]publish.Handled, error) { return p.Rollback(ctx, ids...) })
	case f.forget:
		return handled(e, ids, "", func() ([]publish.Handled, error) { return p.Forget(ctx, ids...) })
	}
	pending, err := p.Pending(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return report.PendingJSON(e.Stdout, pending)
	}
	report.Pending(e.Stdout, pending)
	return nil
}

// handled does something with journals and reports the result of each.
func handled(e *planning.Session, ids []string, where string, do func() ([]publish.Handled, error)) error {
	release := e.Interrupt.Hold()
	all, err := do()
	release()
	if err != nil && len(ids) > 0 {
		return usage.Wrap(err)
	}
	if err != nil {
		return err
	}
	return report.Handled(e.Stdout, all, where)
}
