package check

import (
	"maps"
	"slices"

	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
)

// checkMounts warns of the names of cache mounts in a cache block that no step has,
// where a step has nearly the same, and that is not named. Another name may be for
// targets that are not chosen.
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
		ck.nearMounts(b, "cache.mounts", "The cache keeps the mount", mounts.IDs, mounts.Has, mounted, said)
		pruned := func(id string) bool { return mounts.Unused[id] > 0 }
		ck.nearMounts(b, "cache.mounts-unused", "The cache leaves files out of the mount", slices.Sorted(maps.Keys(mounts.Unused)), pruned, mounted, said)
	}
}

// nearMounts warns of one attribute of a cache block.
func (ck *checker) nearMounts(b *planner.Build, attr, what string, ids []string, named func(string) bool, mounted, said map[string]bool) {
	var others []string
	for _, id := range slices.Sorted(maps.Keys(mounted)) {
		if !named(id) {
			others = append(others, id)
		}
	}
	for _, id := range ids {
		near := suggest.Near(id, others, max(1, len(id)/3))
		if mounted[id] || said[id] || len(near) == 0 {
			continue
		}
		said[id] = true
		ck.report.Warn(planner.ContextRange(b.Target, attr), "Unknown cache mount", "%s %q, which no step has.%s", what, id, suggest.Sentence(id, near))
	}
}
