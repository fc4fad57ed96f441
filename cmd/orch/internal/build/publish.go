package build

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/record"
)

// PublishTags moves the tags of a good run.
func PublishTags(ctx context.Context, e *planning.Session, p *publish.Publisher, run *runner.Report, earlier []*record.Target) error {
	defer e.Interrupt.Hold()()
	return publication.Publish(ctx, p, run, earlier)
}

// PublishRest moves the tags of a run whose targets are all built.
func PublishRest(ctx context.Context, e *planning.Session, left *record.Left) error {
	p, err := e.Publisher()
	if err != nil {
		return err
	}
	run := &runner.Report{}
	if err := PublishTags(ctx, e, p, run, left.Done); err != nil {
		return unpublished(ctx, e, err, len(publication.Unmoved(run, left.Done)), nil)
	}
	if run.Published+run.Stayed > 0 {
		fmt.Fprintf(e.Stderr, "%s published.\n", termtext.Count(run.Published+run.Stayed, "tag"))
	}
	return nil
}

// unpublished says that so many tags were not moved, and why, and returns the
// exit code. moved are those that the builder has moved.
func unpublished(ctx context.Context, e *planning.Session, err error, tags int, moved []string) error {
	code, begin := cli.ExitFailed, "Every target is built and pushed, but not under its tags"
	but := ""
	if len(moved) > 0 {
		begin = "Every target is built and pushed, but not under all of its tags"
		but = report.SomeNames(moved) + ", which the builder has moved"
	}
	if ctx.Err() != nil {
		code, begin = cli.ExitInterrupted, "Interrupted: e"+strings.TrimPrefix(begin, "E")
	}
	if back, ok := errors.AsType[*publish.PutBackError](err); ok {
		back.But = but
	}
	text := err.Error()
	if publication.Nothing(err) {
		if ctx.Err() != nil {
			text = ""
		}
		text = strings.TrimPrefix(text+fmt.Sprintf("; no tag has moved, of %s", termtext.Count(tags, "tag")), "; ")
		if but != "" {
			text += ", but for " + but
		}
	}
	fmt.Fprintf(e.Stderr, "\n%s: %s\n", begin, text)
	if publication.Again(err) {
		fmt.Fprintf(e.Stderr, "To publish what is built: %s\n", cli.ResumeCommand(e.Args))
	}
	return &cli.Failure{Code: code, Err: err}
}
