package inputs

import (
	"io/fs"
	"slices"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

// History is an instruction that takes the history of the repository along
// with all else in a context: every commit changes what it copies.
type History struct {
	Vertex *planner.Vertex
	Range  fault.Range
	// Context is the directory of the context as written.
	Context string
}

// HistoryName is the folder of a repository's history.
const HistoryName = ".git"

// Histories returns the instructions that take a context's history along, in
// the order of the plan. One that names it has a reason to.
func (r *Reads) Histories() []History {
	var out []History
	has := map[*planner.Local]bool{}
	for _, v := range r.Plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			view := r.views[e.From.Local]
			if view == nil || v.Kind == planner.Opaque || !takesAll(e.Take) {
				continue
			}
			if _, ok := has[e.From.Local]; !ok {
				it, ok := findItem(view.list(&view.root), HistoryName)
				has[e.From.Local] = ok && it.entry.Mode&fs.ModeDir != 0
			}
			if has[e.From.Local] {
				out = append(out, History{Vertex: v, Range: e.Range, Context: e.From.Name})
			}
		}
	}
	return out
}

// takesAll says whether a copy takes the whole context and leaves no history
// out. A mount copies nothing into an image.
func takesAll(t *planner.Take) bool {
	if t == nil || t.Mount || t.Parents || !slices.ContainsFunc(t.Sources, func(s string) bool { return dockerfile.ContextPath(s) == "" }) {
		return false
	}
	without, err := newMatcher(t.Exclude)
	if err != nil {
		return false
	}
	ignored, _ := without.match(HistoryName, nil)
	return !ignored
}
