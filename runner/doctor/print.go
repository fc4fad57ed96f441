package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/orch-build/orch/internal/termtext"
)

// Print writes findings for people: a line each, and what to do below those that
// are not as they should be.
func Print(w io.Writer, found []Finding) error {
	width := 0
	for _, f := range found {
		width = max(width, termtext.Width(f.About))
	}
	columns := 100
	if n := termtext.Columns(w); n > 0 {
		columns = n
	}
	var b strings.Builder
	counts := map[Grade]int{}
	for _, f := range found {
		counts[f.Grade]++
		indent := strings.Repeat(" ", 9+width+2)
		fill := func(text string) string {
			text = termtext.Wrap(strings.ReplaceAll(text, "\n", " "), max(20, columns-len(indent)), "")
			return strings.ReplaceAll(text, "\n", "\n"+indent)
		}
		fmt.Fprintf(&b, "%-9s%s  %s\n", f.Grade, termtext.Pad(f.About, width), fill(f.Says))
		if f.Do != "" {
			fmt.Fprintf(&b, "%s%s\n", indent, fill(f.Do))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", summary(counts))
	_, err := io.WriteString(w, b.String())
	return err
}

func summary(counts map[Grade]int) string {
	if counts[Error]+counts[Warning] == 0 {
		return "Nothing is in the way of a build."
	}
	var parts []string
	if n := counts[Error]; n > 0 {
		parts = append(parts, termtext.Count(n, "error"))
	}
	if n := counts[Warning]; n > 0 {
		parts = append(parts, termtext.Count(n, "warning"))
	}
	return strings.Join(parts, ", ")
}
