package frontend

import (
	"slices"
	"sync"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

// Reductions remembers which Dockerfiles the frontend was handed in part, so
// that a message about a line of such a part can be shown in the whole file. A
// step that several targets share may be reported with the part of any.
type Reductions struct {
	mu     sync.Mutex
	byData map[string][]reduction
}

type reduction struct {
	file  *planner.Dockerfile
	lines *dockerfile.Reduced
}

// For returns what the linked frontend gets to read for a build.
func (r *Reductions) For(b *planner.Build) []byte {
	reduced := b.Reduced()
	if reduced == nil {
		return b.Dockerfile.Data
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byData == nil {
		r.byData = map[string][]reduction{}
	}
	key := string(reduced.Data)
	if !slices.ContainsFunc(r.byData[key], func(have reduction) bool { return have.file == b.Dockerfile }) {
		r.byData[key] = append(r.byData[key], reduction{file: b.Dockerfile, lines: reduced})
	}
	return reduced.Data
}

// Whole returns the file that a part was taken from.
func (r *Reductions) Whole(data []byte) (*planner.Dockerfile, *dockerfile.Reduced, bool) {
	return r.WholeFor(nil, data)
}

// WholeFor is Whole for a target with a Dockerfile of its own: of several files
// with that part, it is the target's.
func (r *Reductions) WholeFor(own *planner.Dockerfile, data []byte) (*planner.Dockerfile, *dockerfile.Reduced, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.byData[string(data)]
	if len(all) == 0 {
		return nil, nil, false
	}
	found := all[max(0, slices.IndexFunc(all, func(one reduction) bool { return one.file == own }))]
	return found.file, found.lines, true
}
