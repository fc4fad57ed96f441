package report

import (
	"fmt"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// Interrupted says what is known of a run that was interrupted.
func (p *Printer) Interrupted() {
	if len(p.Run.Failures()) > 0 {
		p.failures()
		fmt.Fprintln(p.Out, "The run was interrupted.")
	} else {
		fmt.Fprintf(p.Out, "\nInterrupted: %s\n", unfinished(p.Run, p.Earlier))
	}
	if done := doneTargets(p.Run); len(done) > 0 {
		fmt.Fprintf(p.Out, "Done: %s\n", Names(done))
	}
	if p.Together {
		p.unmoved()
	}
	if len(p.Run.Failures()) == 0 {
		p.goOn()
	}
}

// Stopped prints the end of a run in which nothing failed, and the user had some
// targets stopped.
func (p *Printer) Stopped() {
	printBlocked(p.Out, p.Run)
	p.stopped()
	fmt.Fprintf(p.Out, "\n%s\n", unfinished(p.Run, p.Earlier))
	if done := doneTargets(p.Run); len(done) > 0 {
		fmt.Fprintf(p.Out, "Done: %s\n", Names(done))
	}
	if p.Together {
		p.unmoved()
	}
	p.goOn()
}

// stopped names the targets that the user had stopped.
func (p *Printer) stopped() {
	if names := stoppedTargets(p.Run); len(names) > 0 {
		fmt.Fprintf(p.Out, "\nStopped by you: %s\n", Names(names))
	}
}

func stoppedTargets(r *runner.Report) []string {
	var names []string
	for _, t := range r.Stopped() {
		names = append(names, t.Name())
	}
	return names
}

// Writing says how far a run has come whose files are being written.
func (p *Printer) Writing() string {
	text := "interrupted while the files of the run were written"
	switch done := doneTargets(p.Run); {
	case p.Run.OK():
		text += "; every target is built"
	case len(done) > 0:
		text += "; done: " + Names(done)
	default:
		text += "; no target is done"
	}
	switch {
	case p.Run.PublishErr != nil:
		text += ", but tags have not moved: " + PlainError(p.Run.PublishErr)
	case p.Unmoved > 0:
		text += fmt.Sprintf(", but %s not moved", tagsHave(p.Unmoved))
	case p.Run.Published > 0:
		text += fmt.Sprintf(", and %s moved", tagsHave(p.Run.Published))
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

// unmoved says which tags have not moved that would have by now, and which the
// builder has moved.
func (p *Printer) unmoved() {
	begin := "No tag has moved"
	if len(p.Moved) > 0 {
		begin = "The builder has moved " + SomeNames(p.Moved) + "; no other tag has moved"
	}
	if p.Unmoved == 0 {
		fmt.Fprintf(p.Out, "%s.\n", begin)
		return
	}
	fmt.Fprintf(p.Out, "%s: %s would have been published with the rest.\n", begin, count(p.Unmoved, "tag"))
}

// InterruptedLate says what has happened in a run that was interrupted when all
// targets were good.
func (p *Printer) InterruptedLate() {
	switch {
	case p.Run.Published > 0:
		fmt.Fprintf(p.Out, "\nInterrupted when all was done: every target is built, and %s have moved.\n", count(p.Run.Published, "tag"))
	case p.Unmoved > 0:
		fmt.Fprintf(p.Out, "\nInterrupted: every target is built and pushed, but not under its tags.\n")
		p.unmoved()
		fmt.Fprintln(p.Out, termtext.FoldCommand(p.Out, "To publish what is built:", p.Resume))
	default:
		fmt.Fprintf(p.Out, "\nInterrupted when every target was built.\n")
	}
}

// Good prints the end of a good run.
func (p *Printer) Good() {
	report := p.Run
	p.table()
	if n := passedTests(report); n > 0 {
		fmt.Fprintf(p.Out, "%s passed\n", count(n, "test"))
	}
	switch {
	case report.Published > 0 && report.Stayed > 0:
		fmt.Fprintf(p.Out, "%s published together, %d there already\n", count(report.Published, "tag"), report.Stayed)
	case report.Published > 0:
		fmt.Fprintf(p.Out, "%s published together\n", count(report.Published, "tag"))
	case report.Stayed > 0:
		fmt.Fprintf(p.Out, "%s there already\n", count(report.Stayed, "tag"))
	}
	if len(p.Moved) > 0 {
		fmt.Fprintf(p.Out, "%s published by the builder\n", count(len(p.Moved), "tag"))
	}
	if names := noOutput(report); len(names) > 0 && !p.Shard && !p.brief(upToDate(report)) {
		fmt.Fprintln(p.Out, termtext.Fold(p.Out, fmt.Sprintf("No output for %s: the result stays in the build cache.\n"+
			"Write output = [...] in the target, or use --load, --push or -o.", Names(names))))
	}
	if report.CacheErr != nil {
		fmt.Fprintf(p.Out, "Warning: the build is good, but the builder did not end it well: %s\n", PlainError(report.CacheErr))
	}
}

// Partial prints the targets of a run of which those that are done are published.
func (p *Printer) Partial() { printTable(p.Out, p.Run, p.Width) }

// Failed prints the end of a run that has failed: the failures, and the tags
// that have not moved because of them.
func (p *Printer) Failed() {
	p.failures()
	if p.Unmoved > 0 || len(p.Moved) > 0 {
		p.unmoved()
	}
}
