package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// none is in a table where there is nothing to say.
const none = "-"

// column is one column of the table at the end of a run.
type column struct {
	header string
	cells  []string
}

func (c *column) add(cell string) { c.cells = append(c.cells, cell) }

func (c *column) width() int {
	n := termtext.Width(c.header)
	for _, cell := range c.cells {
		n = max(n, termtext.Width(cell))
	}
	return n
}

// empty says whether no row has anything to say.
func (c *column) empty() bool {
	return !slices.ContainsFunc(c.cells, func(cell string) bool { return cell != none })
}

// tableForm is how much a table says: less on a narrow terminal.
type tableForm struct {
	digest  bool
	smaller bool // say how much smaller than its build stage an image is
	stage   bool // and name that stage
	gap     int  // spaces between columns
}

// tableForms are the forms, the widest first; the last is for a terminal that
// is too narrow for all others, however short the destinations are cut.
var tableForms = []tableForm{
	{digest: true, smaller: true, stage: true, gap: 3},
	{digest: true, smaller: true, gap: 2},
	{smaller: true, gap: 2},
	{gap: 2},
}

// printTargets prints the result of every target, in at most so many
// columns of a terminal if it can be; 0 is any number.
func printTargets(w io.Writer, targets []*runner.TargetReport, width int) {
	for _, form := range tableForms[:len(tableForms)-1] {
		table := columns(targets, form)
		if lineWidth(table, form.gap) <= width || width == 0 {
			writeTable(w, table, form.gap)
			return
		}
	}
	// Where a destination is what is too long, it is cut before a column is
	// left out.
	form := tableForms[len(tableForms)-2]
	table := columns(targets, form)
	if roomForLast(table, form.gap, width) < minLast {
		form = tableForms[len(tableForms)-1]
		table = columns(targets, form)
	}
	last := table[len(table)-1]
	room := max(roomForLast(table, form.gap, width), minLast)
	for i, cell := range last.cells {
		last.cells[i] = termtext.ClipFront(cell, room)
	}
	writeTable(w, table, form.gap)
}

// minLast is the least width that the last column is cut to.
const minLast = 12

// roomForLast is how wide the last column may be.
func roomForLast(table []*column, gap, width int) int {
	return width - lineWidth(table[:len(table)-1], gap) - gap
}

func columns(targets []*runner.TargetReport, form tableForm) []*column {
	smaller := &column{header: "SMALLER THAN ITS BUILD STAGE"}
	if !form.stage {
		smaller.header = "SMALLER"
	}
	digest, on := &column{header: "DIGEST"}, &column{header: "BUILT ON"}
	all := []*column{{header: "TARGET"}, {header: "RESULT"}, {header: "TIME"}, on, {header: "IMAGE"}, smaller, digest, {header: "WENT TO"}}
	for _, t := range targets {
		for i, cell := range tableRow(t, form) {
			all[i].add(termtext.Line(cell))
		}
	}
	return slices.DeleteFunc(all, func(c *column) bool {
		return c == digest && !form.digest || c == smaller && !form.smaller || (c == digest || c == smaller || c == on) && c.empty()
	})
}

func lineWidth(table []*column, gap int) int {
	n := gap * (len(table) - 1)
	for _, c := range table {
		n += c.width()
	}
	return n
}

func writeTable(w io.Writer, table []*column, gap int) {
	widths := make([]int, len(table))
	for i, c := range table {
		widths[i] = c.width() + gap
	}
	line := func(cell func(*column) string) {
		var b strings.Builder
		for i, c := range table {
			text := cell(c)
			b.WriteString(text + strings.Repeat(" ", widths[i]-termtext.Width(text)))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(func(c *column) string { return c.header })
	for i := range table[0].cells {
		line(func(c *column) string { return c.cells[i] })
	}
}

// joinWithin joins parts with a separator, in lines of at most so many
// characters where that can be; 0 is any number. Further lines are indented.
func joinWithin(parts []string, sep string, width int) string {
	var b strings.Builder
	at := 0
	for i, p := range parts {
		if i < len(parts)-1 {
			p += strings.TrimRight(sep, " ")
		}
		n := termtext.Width(p)
		switch {
		case at == 0:
		case width > 0 && at+1+n > width:
			b.WriteString("\n  ")
			at = 2
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(p)
		at += n
	}
	return b.String()
}
