package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

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

func newPublishCommand(e *env) *cobra.Command {
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

func (f *publishFlags) run(ctx context.Context, e *env, ids []string) error {
	chosen := 0
	for _, on := range []bool{f.status, f.resume, f.rollback, f.forget} {
		if on {
			chosen++
		}
	}
	asks := !f.resume && !f.rollback && !f.forget
	switch {
	case chosen > 1:
		return usagef("--status, --resume, --rollback and --forget contradict each other")
	case f.json && !asks:
		return usagef("--json goes with --status")
	case asks && len(ids) > 0:
		return usagef("an ID goes with --resume, --rollback or --forget, got %q", ids[0])
	}
	p, err := e.publisher()
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
		return printPendingJSON(e.stdout, pending)
	}
	printPending(e.stdout, pending)
	return nil
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
	for i, p := range pending {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", p.ID, stateOf(p))
		if !p.Started.IsZero() {
			where := ""
			if p.Project != "" {
				where = ", by the run in " + p.Project
			}
			fmt.Fprintf(w, "  begun at %s%s\n", p.Started.Local().Format(time.DateTime), where)
		}
		fmt.Fprintf(w, "  in %s\n", p.Path)
		for _, m := range p.Moves {
			old := "nothing"
			if m.Old != "" {
				old = report.ShortDigest(m.Old)
			}
			fmt.Fprintf(w, "  %s: from %s to %s\n", m.Name, old, report.ShortDigest(m.New))
		}
	}
}

// stateOf says in a line how far a journal has come.
func stateOf(p publish.Pending) string {
	switch {
	case p.Unread != "":
		return "cannot be used: " + p.Unread
	case p.Busy:
		return "another process works on it"
	case p.Aside != "":
		return "set aside: " + p.Aside
	case p.Stage == publish.Moving:
		return "some tags may have moved"
	}
	return "no tag has moved"
}

// handled does something with journals and reports the result of each.
func handled(e *env, ids []string, where string, do func() ([]publish.Handled, error)) error {
	release := e.interrupt.Hold()
	all, err := do()
	release()
	if err != nil && len(ids) > 0 {
		return usage.Wrap(err)
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(e.stdout, "Nothing was unfinished.")
		return nil
	}
	var failed error
	for _, h := range all {
		switch {
		case h.Err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", h.ID, h.Err))
		case where == "":
			fmt.Fprintf(e.stdout, "%s: forgotten.\n", h.ID)
		default:
			fmt.Fprintf(e.stdout, "%s: %s.\n", h.ID, tagsAre(h.Tags, where))
		}
		if len(h.Left) > 0 {
			fmt.Fprintf(e.stdout, "  left alone, because somebody else has moved them since: %s\n", strings.Join(h.Left, ", "))
		}
	}
	return failed
}

func tagsAre(n int, where string) string {
	if n == 1 && where == "at their new images" {
		return "1 tag is at its new image"
	}
	if n == 1 {
		return "1 tag is where it was"
	}
	return fmt.Sprintf("%d tags are %s", n, where)
}
