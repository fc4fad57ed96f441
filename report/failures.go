package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// maxFailures is how many failures are shown in full.
const maxFailures = 5

// failures prints the end of a failed run: each failure once, with the targets
// that came to it, and last of all how many there are and how to go on.
func (p *Printer) failures() {
	groups := p.Run.FailureGroups()
	for _, g := range groups[:min(len(groups), maxFailures)] {
		fmt.Fprintln(p.Out)
		printFailure(p.Out, g, p.Mask)
		p.inside(g)
	}
	if len(groups) > 1 {
		fmt.Fprintf(p.Out, "\n%s:\n", count(len(groups), "failure"))
		for _, g := range groups {
			fmt.Fprintf(p.Out, "  %s\n", failureLine(g))
		}
	}
	for _, g := range groups {
		p.annotate(g)
	}
	p.fullDisks(groups)
	printBlocked(p.Out, p.Run)
	p.stopped()
	fmt.Fprintf(p.Out, "\n%s\n", unfinished(p.Run, p.Earlier))
	p.goOn()
}

// inside says how to look into the step that failed.
func (p *Printer) inside(g *runner.FailureGroup) {
	label := runner.StepLabel(g.Step)
	if p.Debug == nil || label == "" || g.ExitCode < 0 || len(g.Tests) > 0 {
		return
	}
	if command := p.Debug(g.Targets[0] + "@" + label); command != "" {
		fmt.Fprintln(p.Out, termtext.FoldCommand(p.Out, "To look inside:", command))
	}
}

// goOn says how to go on with a run that is not whole.
func (p *Printer) goOn() {
	if p.Kept {
		fmt.Fprintln(p.Out, termtext.FoldCommand(p.Out, "To build what is left:", p.Resume))
	}
}

// shownLines is how many lines of the output of a failed step are printed. The record
// and the page have more.
const shownLines = 20

// printFailure shows where a failure is, what the step said, and what to make
// of it.
func printFailure(w io.Writer, g *runner.FailureGroup, mask func(string) string) {
	fmt.Fprintf(w, "%s%s%s\n", termtext.Red, termtext.Fold(w, whose(g.Targets)+" failed"+places(g)), termtext.Reset)
	if len(g.Excerpt) > 0 {
		fmt.Fprintln(w)
		for _, l := range g.Excerpt {
			mark := " "
			if l.Marked {
				mark = ">"
			}
			text, _ := termtext.Cut(l.Text, 0)
			first := fmt.Sprintf("  %s %4d | ", mark, l.Number)
			fmt.Fprintln(w, strings.TrimRight(termtext.FoldBeside(w, first, "         | ", termtext.Indented(text)), " "))
		}
	}
	if len(g.Log) > 0 {
		of := "step"
		if len(g.Tests) > 0 {
			of = "test"
		}
		fmt.Fprintf(w, "\nThe last lines of the %s:\n", of)
		for _, l := range g.Log[max(0, len(g.Log)-shownLines):] {
			fmt.Fprintln(w, termtext.FoldBeside(w, "  ", "    ", mask(l)))
		}
	}
	fmt.Fprintln(w)
	if g.ExitCode < 0 {
		fmt.Fprintf(w, "%s\n", termtext.Fold(w, mask(PlainError(g.Err))))
	}
	if v := verdict(g.Failure); v != "" {
		fmt.Fprintln(w, termtext.Fold(w, v))
	}
	if g.LogFile != "" {
		fmt.Fprintln(w, termtext.Fold(w, "All of its output: "+g.LogFile))
	}
	printMoreTests(w, g.Tests, mask)
}

// printMoreTests lists the tests that failed after the first one.
func printMoreTests(w io.Writer, tests []runner.TestResult, mask func(string) string) {
	first := true
	for _, t := range tests {
		switch {
		case t.Failure == "":
		case first:
			first = false
		default:
			fmt.Fprintf(w, "Failed too: %s\n", mask(t.Failure))
		}
	}
}

// whose names the targets of a failure.
func whose(names []string) string {
	if len(names) == 1 {
		return "Target " + names[0]
	}
	return "Targets " + Names(names)
}

// place says where a failure is, as the end of a sentence.
func place(f *runner.Failure) string {
	text := ""
	if f.Stage != "" {
		text += " in stage " + f.Stage
	}
	if f.Platform != "" {
		text += " for " + f.Platform
	}
	if f.Builder != "" {
		text += " on " + f.Builder
	}
	if f.File != "" {
		text += fmt.Sprintf(", at %s:%d", f.File, f.Line)
	}
	return text
}

// places says where a failure of several targets is.
func places(g *runner.FailureGroup) string {
	text := place(g.Failure)
	if len(g.Also) > 0 {
		text += " and " + strings.Join(g.Also, ", ")
	}
	return text
}

// verdict says in a sentence why something failed and whose fault it is.
func verdict(f *runner.Failure) string {
	reason := sentence(f.Reason)
	switch {
	case f.Fault == runner.FaultUnknown:
		return ""
	case f.Fault == runner.FaultUser && reason == "":
		return "The fault is in what is built, not in the builder."
	case f.Fault == runner.FaultUser:
		return reason + " The fault is in what is built, not in the builder."
	}
	if strings.HasSuffix(reason, "?") { // what to look at says enough
		if f.Transient {
			reason += " The same may go well another time."
		}
		return reason
	}
	text := reason + " The fault is not in what is built"
	if f.Transient {
		return text + ": the same may go well another time."
	}
	return text + "."
}

// sentence makes a sentence of a reason. The name of a server that it begins
// with keeps its letters, and a question its mark.
func sentence(reason string) string {
	if reason == "" {
		return ""
	}
	if first, _, _ := strings.Cut(reason, " "); !strings.ContainsAny(first, ".:") {
		reason = strings.ToUpper(reason[:1]) + reason[1:]
	}
	if !strings.HasSuffix(reason, "?") {
		reason += "."
	}
	return reason
}

// failureLine is a failure in one line.
func failureLine(g *runner.FailureGroup) string {
	text := strings.TrimPrefix(whose(g.Targets), "Target ") + places(g)
	switch {
	case g.ExitCode >= 0:
		text += fmt.Sprintf(": exit code %d", g.ExitCode)
	case g.Reason != "":
		text += ": " + g.Reason
	}
	return text
}

// printBlocked says what was never started, by what blocked it.
func printBlocked(w io.Writer, r *runner.Report) {
	blocked := map[string][]string{}
	var causes []string
	for _, t := range r.Targets {
		if t.State != runner.Blocked {
			continue
		}
		cause := t.Cause
		if t.CauseStage != "" {
			cause = "stage " + t.CauseStage + " of " + t.Cause
		}
		if !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
		blocked[cause] = append(blocked[cause], t.Name())
	}
	if len(causes) > 0 {
		fmt.Fprintln(w)
	}
	for _, cause := range causes {
		how := "failed"
		if slices.Contains(stoppedTargets(r), cause) {
			how = "was stopped"
		}
		fmt.Fprintln(w, termtext.Fold(w, fmt.Sprintf("Never started, because %s %s: %s", cause, how, Names(blocked[cause]))))
	}
}

// unfinished says in one line what a failed run left.
func unfinished(r *runner.Report, earlier int) string {
	c := r.Count()
	var parts []string
	if c[runner.Failed] > 0 {
		parts = []string{count(c[runner.Failed], "target") + " failed"}
	}
	for _, p := range []struct {
		n    int
		text string
	}{{c[runner.Blocked], "blocked"}, {c[runner.Canceled], "stopped"}, {c[runner.Done], "done"}, {earlier, "done before"}} {
		switch {
		case p.n == 0:
		case len(parts) == 0:
			parts = append(parts, count(p.n, "target")+" "+p.text)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	return strings.Join(parts, ", ") + " in " + seconds(r.Finished.Sub(r.Started))
}

// annotate has a CI service show a failure beside the line.
func (p *Printer) annotate(g *runner.FailureGroup) {
	text := p.Mask(PlainError(g.Err))
	if n := len(g.Log); n > 0 {
		text += "\n" + p.Mask(strings.Join(g.Log[max(0, n-5):], "\n"))
	}
	ci.Annotate(p.Out, p.Getenv, ci.Annotation{
		Severity: "error", File: g.File, Line: g.Line, Title: whose(g.Targets) + " failed" + places(g), Text: text,
	})
}
