package planner

import (
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
)

// MountCache is where the content of one cache mount is kept.
type MountCache struct {
	// Read are the places that a run reads, of which the first counts that has
	// something: its own lane, and the main branch's.
	Read []Cache
	// Write is the place that it writes, or nil.
	Write *Cache
}

// MountCache is where a build keeps a mount that has a name among mounts; it is
// empty where none are kept.
func (b *Build) MountCache(name string) MountCache {
	c := b.Target.Cache
	if c == nil || !c.Mounts.Any() {
		return MountCache{}
	}
	own, main := LaneName(c.Lane, c.Trusted), LaneName(c.Main, true)
	lanes := []string{own}
	if main != own {
		lanes = append(lanes, main)
	}
	w := &wiring{tags: map[string]string{}}
	var out MountCache
	for _, lane := range lanes {
		// Names of lanes and of targets have no three dots.
		e := w.entry(c, lane+"..."+name)
		if c.Type == "local" {
			e.Attrs["dest"] = c.Ref
		}
		out.Read = append(out.Read, Cache{CacheEntry: config.NewCacheEntry(e), Wired: true, Range: ContextRange(b.Target, "cache")})
	}
	if c.Write {
		out.Write = &out.Read[0]
	}
	return out
}

// MountUse is a cache mount of a RUN.
type MountUse struct {
	// ID is the name of the mount: what id= says, or else where it is.
	ID     string
	Target string
	// Sharing is shared, private or locked.
	Sharing string
	Range   fault.Range
}
