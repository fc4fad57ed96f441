package planning

import (
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/predict"
)

// SnapshotSource is what a snapshot is taken of, and the images that are known.
func (e *Session) SnapshotSource(plan *planner.Plan, memory Memory, known Lookup) (src foresight.Source, seen *predict.Images, err error) {
	src.Plan = plan
	if src.State, err = statedir.Default(e.Getenv); err != nil {
		return src, nil, err
	}
	seen = predict.OpenImages(src.State)
	images := e.Images(known)
	images.Seen = seen.Seen
	src.Digests, err = e.digestOptions(memory.Planner(), images)
	return src, seen, err
}
