package frontend

import (
	"sync"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

// Reductions remembers which Dockerfiles the frontend was handed in part, so
// that a message about a line of such a part can be shown in the whole file. A
// step that several targets share may be reported with the part of any.
type Reductions struct {
	mu     sync.Mutex
	byData map[string]reduction
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
		r.byData = map[string]reduction{}
	}
	r.byData[string(reduced.Data)] = reduction{file: b.Dockerfile, lines: reduced}
	return reduced.Data
}

// Whole returns the file that a part was taken from.
func (r *Reductions) Whole(data []byte) (*planner.Dockerfile, *dockerfile.Reduced, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.byData[string(data)]
	return found.file, found.lines, ok
}
