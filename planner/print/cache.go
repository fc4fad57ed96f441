package print

import (
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

func cacheEntries(caches []planner.Cache) []config.Entry {
	var out []config.Entry
	for _, c := range caches {
		out = append(out, c.Entry)
	}
	return out
}

// destinations are all the places where the cache of a build goes, the shared
// ones first.
func destinations(p *planner.Plan, b *planner.Build) []planner.Cache {
	var out []planner.Cache
	for _, s := range p.Caches {
		if slices.Contains(s.Builds, b) {
			out = append(out, s.Cache)
		}
	}
	return append(out, b.CacheTo...)
}

// cacheList writes caches out: the caches of cache blocks by their names, for the
// block is at hand, and others as they are written.
func cacheList(caches []planner.Cache) string {
	var out []string
	for _, c := range caches {
		switch {
		case c.Lane != nil:
			out = append(out, cacheName(*c.Lane)+" by "+cacheName(c.Entry))
		case c.Wired:
			out = append(out, cacheName(c.Entry))
		default:
			out = append(out, planner.EntryList([]config.Entry{c.Entry}))
		}
	}
	return strings.Join(out, " ")
}

// cacheName is where a cache is, in a word.
func cacheName(e config.Entry) string {
	a := e.Attrs
	switch e.Type {
	case "registry":
		return a["ref"]
	case "local":
		return a["src"] + a["dest"] + ":" + a["tag"]
	default:
		return e.Type + ":" + a["scope"] + a["name"]
	}
}

// caches prints the destinations that are written once for several targets,
// and the images that hold their cache.
func (t *text) caches() {
	var rows [][2]string
	for _, s := range t.Plan.Caches {
		var names []string
		for _, b := range s.Builds {
			names = append(names, b.Name())
		}
		rows = append(rows, [2]string{cacheList([]planner.Cache{s.Cache}), "of " + t.names(names, len(t.Builds))})
	}
	for _, b := range t.CacheImages {
		for _, tag := range b.Target.Tags {
			rows = append(rows, [2]string{tag, "image of stage " + b.Stages[0].Name + " with its cache"})
		}
	}
	if len(rows) > 0 {
		t.heading("Cache written once")
		t.table(rows)
	}
}
