package check

import (
	"maps"
	"slices"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// checkMounts warns of the names of cache mounts to keep that no step has, where a
// step has nearly the same, and that is not kept. Another name may be for targets that
// are not chosen.
func (ck *checker) checkMounts() {
	mounted := map[string]bool{}
	for _, b := range ck.plan.Builds {
		for _, v := range ck.reach[b.Name()] {
			for _, m := range v.Mounts {
				mounted[m.ID] = true
			}
		}
	}
	said := map[string]bool{}
	for _, b := range ck.plan.Builds {
		if b.Target.Cache == nil {
			continue
		}
		mounts := b.Target.Cache.Mounts
		var unkept []string
		for _, id := range slices.Sorted(maps.Keys(mounted)) {
			if !mounts.Has(id) {
				unkept = append(unkept, id)
			}
		}
		for _, id := range mounts.IDs {
			near := suggest.Near(id, unkept, max(1, len(id)/3))
			if mounted[id] || said[id] || len(near) == 0 {
				continue
			}
			said[id] = true
			ck.report.Warn(planner.ContextRange(b.Target, "cache.mounts"), "Unknown cache mount",
				"The cache keeps the mount %q, which no step has.%s", id, suggest.Sentence(id, near))
		}
	}
}
