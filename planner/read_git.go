package planner

import (
	"io/fs"
	"slices"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/dockerfile"
)

// History is an instruction that takes the history of the repository along
// with all else in a context: every commit changes what it copies.
type History struct {
	Vertex *Vertex
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
	has := map[*Local]bool{}
	for _, v := range r.Plan.Graph.Vertices {
		for i := range v.Inputs {
			e := &v.Inputs[i]
			view := r.views[e.From.local]
			if view == nil || v.Kind == Opaque || !e.take.takesAll() {
				continue
			}
			if _, ok := has[e.From.local]; !ok {
				it, ok := findItem(view.list(&view.root), HistoryName)
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
	if t == nil || t.mount || t.parents || !slices.ContainsFunc(t.sources, func(s string) bool { return dockerfile.ContextPath(s) == "" }) {
		return false
	}
	without, err := newMatcher(t.exclude)
	if err != nil {
		return false
	}
	ignored, _ := without.match(HistoryName, nil)
	return !ignored
}
