package planner

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
)

// History is an instruction that takes the history of the repository along
// with all else in a context: every commit changes what it copies.
type History struct {
	Vertex *Vertex
	Range  fault.Range
	// Context is the directory of the context as written.
	Context string
}

// historyName is the folder of a repository's history.
const historyName = ".git"

// Histories returns the instructions that take a context's history along, in
// the order of the plan. One that names it has a reason to.
func (r *Reads) Histories() []History {
	var out []History
	has := map[*Local]bool{}
	for _, v := range r.plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			view := r.views[e.From.local]
			if view == nil || v.Kind == Opaque || !e.take.takesAll() {
				continue
			}
			if _, ok := has[e.From.local]; !ok {
				it, ok := findItem(view.list(&view.root), historyName)
				has[e.From.local] = ok && it.entry.Mode&fs.ModeDir != 0
			}
			if has[e.From.local] {
				out = append(out, History{Vertex: v, Range: e.Range, Context: e.From.Name})
			}
		}
	}
	return out
}

// takesAll says whether a copy takes the whole context and leaves no history
// out. A mount copies nothing into an image.
func (t *take) takesAll() bool {
	if t == nil || t.mount || t.parents || !slices.ContainsFunc(t.sources, func(s string) bool { return contextPath(s) == "" }) {
		return false
	}
	without, err := newMatcher(t.exclude)
	if err != nil {
		return false
	}
	ignored, _ := without.match(historyName, nil)
	return !ignored
}

func (r *Reads) historiesText(w *bufio.Writer) {
	for i, h := range r.Histories() {
		if i == 0 {
			fmt.Fprintln(w, "\nThe history of the repository is copied, so that every commit changes these stages")
		}
		fmt.Fprintf(w, "  %s of %s  in %s:%d, stage %s: add %s to %s\n", historyName, fault.Path(h.Context),
			h.Range.Filename, h.Range.Start.Line, h.Vertex.Name, historyName, fault.Path(ignoreFileOf(h.Context)))
	}
}

func ignoreFileOf(context string) string {
	return strings.TrimSuffix(context, "/") + "/.dockerignore"
}

// HintsText prints what would make contexts smaller or stages last longer: what
// nobody reads, and histories that are copied.
func (r *Reads) HintsText(to io.Writer) error {
	w := bufio.NewWriter(to)
	r.excessText(w)
	r.historiesText(w)
	return w.Flush()
}
