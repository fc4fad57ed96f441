package buildkit

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
)

// caches returns what the anchor reads and writes: every cache source of its
// targets once, and every destination that more than one of them names. A
// destination of a single target is written with that target's export, so
// that it holds that target's cache and no more.
func (a *anchor) caches() (from, to []client.CacheOptionsEntry) {
	seen := map[string]bool{}
	users := map[string]int{}
	for _, b := range a.builds {
		for _, e := range b.Target.CacheTo {
			users[entryKey(e)]++
		}
	}
	for _, b := range a.builds {
		for _, e := range b.Target.CacheFrom {
			if key := entryKey(e); !seen["from "+key] {
				seen["from "+key] = true
				from = append(from, cacheEntry(e))
			}
		}
		for _, e := range b.Target.CacheTo {
			key := entryKey(e)
			if e.Type != "inline" && users[key] > 1 && !seen["to "+key] {
				seen["to "+key] = true
				to = append(to, cacheEntry(e))
			}
		}
	}
	return from, to
}

// hasSharedCache says whether the anchor writes a cache.
func (a *anchor) hasSharedCache() bool {
	_, to := a.caches()
	return len(to) > 0
}

// ownCaches returns the destinations that only this target writes.
func (t *target) ownCaches() []client.CacheOptionsEntry {
	_, shared := t.anchor.caches()
	taken := map[string]bool{}
	for _, e := range shared {
		taken[entryKey(config.Entry{Type: e.Type, Attrs: e.Attrs})] = true
	}
	var out []client.CacheOptionsEntry
	for _, e := range t.plan.Target.CacheTo {
		if !taken[entryKey(e)] {
			out = append(out, cacheEntry(e))
		}
	}
	return out
}

func cacheEntry(e config.Entry) client.CacheOptionsEntry {
	attrs := maps.Clone(e.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	return client.CacheOptionsEntry{Type: e.Type, Attrs: attrs}
}

// entryKey is the same for equal entries.
func entryKey(e config.Entry) string {
	var b strings.Builder
	b.WriteString(e.Type)
	for _, k := range slices.Sorted(maps.Keys(e.Attrs)) {
		b.WriteString("\x00" + k + "\x00" + e.Attrs[k])
	}
	return b.String()
}
