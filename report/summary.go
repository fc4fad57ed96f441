package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

const (
	// maxRows is how many targets a summary has in its table.
	maxRows = 500
	// maxBlock is how much of the failures a summary shows.
	maxBlock = 128 << 10
)

// Summary is the run as the Markdown that a CI service shows on the page of a
// job: the targets, the failures with their places and logs, and the critical
// path. fault is what else went wrong; it may be nil.
func (p *Printer) Summary(fault error) []byte {
	var out bytes.Buffer
	run := p.Run
	fmt.Fprintf(&out, "### orch: %s\n\n", markdown(p.verdict(fault)))
	targets := inTable(run.Targets)
	table := columns(targets, tableForms[0])
	if len(targets) > 0 {
		writeMarkdown(&out, table)
	}
	if n := len(run.Targets) - len(targets); n > 0 {
		fmt.Fprintf(&out, "\nand %s more\n", count(n, "target"))
	}
	if len(run.Failures()) > 0 {
		fenced(&out, p.block(func(p *Printer) { p.Failed() }))
	}
	if fault != nil {
		fenced(&out, p.block(func(p *Printer) { fmt.Fprintln(p.Out, p.Mask(fault.Error())) }))
	}
	if run.Builder != "" && len(targets) > 0 {
		fmt.Fprintln(&out)
		totals := p.block(func(p *Printer) { printTotals(p.Out, run, 0) })
		for line := range strings.Lines(totals) {
			fmt.Fprintf(&out, "%s  \n", markdown(line))
		}
	}
	return append(out.Bytes(), '\n')
}

// verdict is the run in one line.
func (p *Printer) verdict(fault error) string {
	run := p.Run
	text := fmt.Sprintf("%s in %s", count(len(run.Targets), "target"), seconds(run.Finished.Sub(run.Started)))
	if run.Builder != "" {
		text += " on " + run.Builder
	}
	switch {
	case !run.OK():
		text = fmt.Sprintf("%d of %s", len(doneTargets(run)), text)
	case fault != nil:
		text += ", but not all is good"
	}
	if run.Published > 0 {
		text += fmt.Sprintf(", %s published", count(run.Published, "tag"))
	}
	if run.Stayed > 0 {
		text += fmt.Sprintf(", %s there already", count(run.Stayed, "tag"))
	}
	return text
}

// inTable are the targets of a table that must not be too long: those that are
// not done first of all.
func inTable(targets []*runner.TargetReport) []*runner.TargetReport {
	if len(targets) <= maxRows {
		return targets
	}
	out := slices.Clone(targets)
	slices.SortStableFunc(out, func(a, b *runner.TargetReport) int { return doneLast(a) - doneLast(b) })
	return out[:maxRows]
}

func doneLast(t *runner.TargetReport) int {
	if t.State == runner.Done {
		return 1
	}
	return 0
}

// block is what is printed to people, without colours and without what steers a
// CI service.
func (p *Printer) block(text func(*Printer)) string {
	var out bytes.Buffer
	one := *p
	one.Out, one.Width = termtext.NewWriter(&out, termtext.Sink{}), 0
	one.Getenv = func(string) string { return "" }
	text(&one)
	return strings.Trim(out.String(), "\n")
}

func writeMarkdown(w io.Writer, table []*column) {
	line := func(cell func(*column) string) {
		for _, c := range table {
			fmt.Fprintf(w, "| %s ", cell(c))
		}
		fmt.Fprintln(w, "|")
	}
	line(func(c *column) string { return c.header })
	line(func(*column) string { return "---" })
	for i := range table[0].cells {
		line(func(c *column) string { return markdown(c.cells[i]) })
	}
}

// fenced writes text as it is, in a fence that is longer than any in the text.
func fenced(w io.Writer, text string) {
	if len(text) > maxBlock {
		text = strings.ToValidUTF8(text[:maxBlock], "") + "\n…"
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(w, "\n%s\n%s\n%s\n", fence, text, fence)
}

// markup are the characters that Markdown reads as something else than text.
var markup = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`, "~", `\~`, "<", "&lt;", ">", "&gt;", "&", "&amp;",
)

// markdown is text on one line, as text.
func markdown(s string) string { return markup.Replace(strings.TrimSpace(termtext.Line(s))) }
