package print

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner/inputs"
)

func historiesText(w *bufio.Writer, r *inputs.Reads) {
	for i, h := range r.Histories() {
		if i == 0 {
			fmt.Fprintln(w, "\nThe history of the repository is copied, so that every commit changes these stages")
		}
		fmt.Fprintf(w, "  %s of %s  in %s:%d, stage %s: add %s to %s\n", inputs.HistoryName, fault.Path(h.Context),
			h.Range.Filename, h.Range.Start.Line, h.Vertex.Name, inputs.HistoryName, fault.Path(ignoreFileOf(h.Context)))
	}
}

func ignoreFileOf(context string) string {
	return strings.TrimSuffix(context, "/") + "/.dockerignore"
}

// Hints prints what would make contexts smaller or stages last longer: what
// nobody reads, and histories that are copied.
func Hints(to io.Writer, r *inputs.Reads) error {
	w := bufio.NewWriter(to)
	excessText(w, r)
	historiesText(w, r)
	return w.Flush()
}

// excessText prints the contexts that let through much more than is read, with
// the lines of an ignore file that would help.
func excessText(w io.Writer, r *inputs.Reads) {
	list := r.Excess()
	for i, e := range list {
		if i == 0 {
			fmt.Fprintln(w, "\nNot read by any of these stages")
		}
		fmt.Fprintf(w, "  %s lets through %s more than the %s that are read\n", fault.Path(e.Name), amountText(e.Unread), amountText(e.Read))
		var lines []string
		for _, c := range e.Culprits {
			name := fault.Path(c.Path)
			if c.Dir {
				name += "/  (" + termtext.Count(c.Amount.Files, "file") + ")"
			}
			fmt.Fprintf(w, "  %9s  %s\n", sizeText(c.Amount.Bytes), name)
			if line := c.Ignore(); line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(w, "  add to %s:\n", fault.Path(ignoreFileOf(e.Name)))
			for _, l := range lines {
				fmt.Fprintf(w, "      %s\n", l)
			}
		}
	}
}
