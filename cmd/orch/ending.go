package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// notBegun is how a run ends that was not begun.
func (e *env) notBegun(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(e.stderr, "orch: interrupted before anything was built")
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}

// abandoned is how a run ends of which nothing is known.
func (e *env) abandoned(ctx context.Context, opt runOptions, err error) error {
	if ctx.Err() == nil {
		return err
	}
	text := "orch: interrupted, and the builder does not answer"
	if opt.publication != nil && len(opt.publication.far) == 0 {
		text += "; no tag has moved"
	}
	fmt.Fprintln(e.stderr, text)
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}

// showRun writes what is to be written of a run that is over, prints the end
// of it and turns it into an exit code. failed is what went wrong with the run
// as a whole, or nil.
func showRun(ctx context.Context, e *env, report *runner.Report, kept *keeper, opt runOptions, failed error) error {
	e.interrupt.Note(writingText(report, opt))
	if err := kept.write(report); err != nil {
		fmt.Fprintf(e.stderr, "Warning: the run could not be recorded, so that it cannot be resumed: %v\n", err)
	}
	keepTimes(e, report)
	unwritten := writeFiles(report, kept, opt)
	printCacheFaults(e.stderr, report)
	printContextChanges(e.stderr, report)
	interrupted := ctx.Err() != nil
	if report.OK() && report.PublishErr == nil && report.LoadErr == nil && !interrupted {
		if opt.shown() {
			printEnd(e, report, opt)
		}
		return unwritten
	}
	if unwritten != nil {
		fmt.Fprintf(e.stderr, "orch: %v\n", unwritten)
	}
	if report.LoadErr != nil && !interrupted {
		fmt.Fprintf(e.stderr, "\nWhat was built is not in the Docker engine: %v\n", report.LoadErr)
	}
	switch {
	case report.LoadErr != nil && report.OK() && !interrupted:
		return &errReported{code: exitFailed, err: report.LoadErr}
	case report.PublishErr != nil:
		return e.unpublished(ctx, report.PublishErr, unpublished(report, opt.earlier))
	case report.OK():
		printInterruptedLate(e, report, opt)
	case interrupted:
		printInterrupted(e, report, kept, opt)
	default:
		return showFailed(e, report, kept, opt, failed)
	}
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}

// showFailed prints the end of a run that has failed.
func showFailed(e *env, report *runner.Report, kept *keeper, opt runOptions, failed error) error {
	if len(report.Caches.Required()) > 0 && failed == nil {
		failed = &errReported{code: exitFailed, err: errors.New("a cache that is required failed")}
	}
	if len(report.Failures()) == 0 {
		return failed
	}
	printFailures(e, report, kept)
	if n := len(unpublished(report, opt.earlier)); n > 0 || len(movedByBuilder(report, opt)) > 0 {
		printUnmoved(e, report, opt, n)
	}
	return &errReported{code: exitFailed, err: errors.New("the build failed")}
}

// printInterrupted says what is known of a run that was interrupted.
func printInterrupted(e *env, report *runner.Report, kept *keeper, opt runOptions) {
	if len(report.Failures()) > 0 {
		printFailures(e, report, kept)
		fmt.Fprintln(e.stderr, "The run was interrupted.")
	} else {
		fmt.Fprintf(e.stderr, "\nInterrupted: %s\n", unfinished(report, len(kept.info.Earlier)))
	}
	if done := doneTargets(report); len(done) > 0 {
		fmt.Fprintf(e.stderr, "Done: %s\n", listNames(done))
	}
	if opt.publication != nil {
		printUnmoved(e, report, opt, len(unpublished(report, opt.earlier)))
	}
	if len(report.Failures()) == 0 {
		printGoOn(e, kept)
	}
}

// writingText says how far a run has come whose files are being written.
func writingText(report *runner.Report, opt runOptions) string {
	text := "interrupted while the files of the run were written"
	switch done := doneTargets(report); {
	case report.OK():
		text += "; every target is built"
	case len(done) > 0:
		text += "; done: " + listNames(done)
	default:
		text += "; no target is done"
	}
	switch n := len(unpublished(report, opt.earlier)); {
	case report.PublishErr != nil:
		text += ", but tags have not moved: " + plainError(report.PublishErr)
	case n > 0:
		text += fmt.Sprintf(", but %s not moved", tagsHave(n))
	case report.Published > 0:
		text += fmt.Sprintf(", and %s moved", tagsHave(report.Published))
	}
	return text
}

func tagsHave(tags int) string {
	if tags == 1 {
		return "1 tag has"
	}
	return fmt.Sprintf("%d tags have", tags)
}

func doneTargets(report *runner.Report) []string {
	var done []string
	for _, t := range report.Targets {
		if t.State == runner.Done {
			done = append(done, t.Name())
		}
	}
	return done
}

// printUnmoved says which tags have not moved, of n that would have by now, and
// which the builder has moved.
func printUnmoved(e *env, report *runner.Report, opt runOptions, n int) {
	begin := "No tag has moved"
	if moved := movedByBuilder(report, opt); len(moved) > 0 {
		begin = "The builder has moved " + someNames(moved) + "; no other tag has moved"
	}
	if n == 0 {
		fmt.Fprintf(e.stderr, "%s.\n", begin)
		return
	}
	fmt.Fprintf(e.stderr, "%s: %s would have been published with the rest.\n", begin, count(n, "tag"))
}

// movedByBuilder are the tags that the builder has moved, in registries that
// orch does not reach.
func movedByBuilder(report *runner.Report, opt runOptions) []string {
	if opt.publication == nil {
		return nil
	}
	var out []string
	for _, t := range report.Targets {
		if t.State != runner.Done {
			continue
		}
		for _, r := range opt.publication.farRefs(t.Build) {
			out = append(out, r.Name)
		}
	}
	return out
}

// printInterruptedLate says what has happened in a run that was interrupted
// when all targets were good.
func printInterruptedLate(e *env, report *runner.Report, opt runOptions) {
	n := len(unpublished(report, opt.earlier))
	switch {
	case report.Published > 0:
		fmt.Fprintf(e.stderr, "\nInterrupted when all was done: every target is built, and %s have moved.\n", count(report.Published, "tag"))
	case n > 0:
		fmt.Fprintf(e.stderr, "\nInterrupted: every target is built and pushed, but not under its tags.\n")
		printUnmoved(e, report, opt, n)
		fmt.Fprintf(e.stderr, "To publish what is built: %s\n", resumeCommand(e.args))
	default:
		fmt.Fprintf(e.stderr, "\nInterrupted when every target was built.\n")
	}
}

// printEnd prints the end of a good run.
func printEnd(e *env, report *runner.Report, opt runOptions) {
	printTable(e.stderr, report, e.width())
	if n := passedTests(report); n > 0 {
		fmt.Fprintf(e.stderr, "%s passed\n", count(n, "test"))
	}
	if report.Published > 0 {
		fmt.Fprintf(e.stderr, "%s published together\n", count(report.Published, "tag"))
	}
	if moved := movedByBuilder(report, opt); len(moved) > 0 {
		fmt.Fprintf(e.stderr, "%s published by the builder\n", count(len(moved), "tag"))
	}
	if names := noOutput(report); len(names) > 0 {
		fmt.Fprintln(e.stderr, termtext.Fold(e.stderr, fmt.Sprintf("No output for %s: the result stays in the build cache.\n"+
			"Write output = [...] in the target, or use --load, --push or -o.", listNames(names))))
	}
	if report.CacheErr != nil {
		fmt.Fprintf(e.stderr, "Warning: the build is good, but the builder did not end it well: %s\n", plainError(report.CacheErr))
	}
}
