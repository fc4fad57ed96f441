package buildkit

import (
	"encoding/json"
	"maps"
	"slices"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner"
)

// noteTriggers remembers the ONBUILD triggers of an image that the frontend
// looked at: they may read files of the context that the plan knows nothing
// of. A configuration that cannot be read is the frontend's to refuse.
func (t *target) noteTriggers(config []byte) {
	var img struct {
		Config struct{ OnBuild []string }
	}
	if json.Unmarshal(config, &img) != nil || len(img.Config.OnBuild) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, trigger := range img.Config.OnBuild {
		t.triggers[trigger] = true
	}
}

// widen has the context hold what the triggers of the base images read too. It
// returns false if it does so already.
func (t *target) widen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.plan.Context
	if len(t.triggers) == 0 || l == nil || l.Paths == nil {
		return false
	}
	more := planner.TriggerPaths(slices.Sorted(maps.Keys(t.triggers)))
	wide := *l
	wide.Paths = nil
	if more != nil {
		wide.Paths = slices.Concat(l.Paths, more)
		slices.Sort(wide.Paths)
		wide.Paths = slices.Compact(wide.Paths)
		if slices.Equal(wide.Paths, l.Paths) {
			return false
		}
	}
	t.inputs["context"] = localState(&wide, t.anchor.session.ID(), contextName)
	t.defs = map[gateway.Reference]*pb.Definition{}
	return true
}
