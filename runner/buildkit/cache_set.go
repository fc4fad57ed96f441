package buildkit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// The builder finds a step in a cache by the steps below it, as that very cache
// has them. Where targets share steps, and each has a cache of its own, it finds
// all the steps of the first target, and few of the others, for the shared
// steps then are those of the first target's cache. So a cache that holds all
// of the targets comes before any number that hold one each; it also takes
// fewer requests.

// worthReading returns which of a target's cache sources are to be read: the
// caches of whole lanes, if there is one, in place of those of single runs.
func (a *anchor) worthReading(ctx context.Context, sources []planner.Cache) []planner.Cache {
	found := false
	out := slices.Clone(sources)
	out = slices.DeleteFunc(out, func(c planner.Cache) bool {
		if !c.Set {
			return false
		}
		there := a.hasCache(ctx, c)
		found = found || there
		return !there
	})
	if !found {
		return out
	}
	return slices.DeleteFunc(out, func(c planner.Cache) bool { return c.Wired && !c.Set })
}

// hasCache says whether there is a cache in a place. The builder reads it when
// it is first asked to look something up in it, and reports how that went.
func (a *anchor) hasCache(ctx context.Context, c planner.Cache) bool {
	v, err := a.memo.Do(ctx, "cache "+entryKey(c.Entry), func() (any, error) {
		e, ok := a.offered(c)
		if !ok {
			return false, nil
		}
		// One question at a time: only caches in registries are called by
		// their names.
		a.asking.Lock()
		defer a.asking.Unlock()
		before := a.run.caches.imports()
		def, err := llb.Scratch().File(llb.Mkdir("/", 0o755), llb.WithCustomName(lookup)).Marshal(ctx)
		if err != nil {
			return false, err
		}
		if _, err := a.gateway.Solve(ctx, gateway.SolveRequest{
			Definition: def.ToPB(), Evaluate: true,
			CacheImports: []gateway.CacheOptionsEntry{e},
		}); err != nil {
			return false, err
		}
		return a.run.caches.awaitImport(ctx, c, before), nil
	})
	return err == nil && v.(bool)
}

// offered is a source as it was handed to the builder when the anchor was opened;
// false if there was nothing to read then.
func (a *anchor) offered(c planner.Cache) (gateway.CacheOptionsEntry, bool) {
	key := entryKey(config.Entry(a.run.cacheEntry(c.Entry)))
	entries, err := importEntries(a.gateway.BuildOpts().Opts)
	if err != nil {
		return gateway.CacheOptionsEntry{}, false
	}
	i := slices.IndexFunc(entries, func(e gateway.CacheOptionsEntry) bool {
		return entryKey(config.Entry{Type: e.Type, Attrs: e.Attrs}) == key
	})
	if i < 0 {
		return gateway.CacheOptionsEntry{}, false
	}
	return entries[i], true
}

// lookup is the name of the vertex that is looked up only for a cache.
const lookup = "[internal] look for a cache"

// importWait is how long the builder's word on a cache may take to arrive after
// the lookup itself: they come on different streams.
const importWait = 2 * time.Second

// imports are the names of the caches that the builder has reported so far.
func (w *cacheWatch) imports() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]bool{}
	for id := range w.reported {
		out[id] = true
	}
	return out
}

// awaitImport waits for the builder's word on a cache that was not read before,
// and says whether it could be read.
func (w *cacheWatch) awaitImport(ctx context.Context, c planner.Cache, before map[string]bool) bool {
	late := time.NewTimer(importWait)
	defer late.Stop()
	for {
		good, known, news := w.since(c, before)
		if known {
			return good
		}
		select {
		case <-news:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// since says whether a cache has been read, if the builder has reported that
// since before, and what is closed at its next report.
func (w *cacheWatch) since(c planner.Cache, before map[string]bool) (good, known bool, news <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, good := range w.reported {
		if !before[id] && names(c, id) {
			return good, true, nil
		}
	}
	return false, false, w.news
}

// group is equal for targets that read the same caches, of those that are
// written out. Targets of different groups have sources of their own, so that
// the builder keeps their steps apart, and each finds its own in its cache. The
// group depends on nothing but the definition: the sources are part of what is
// written to a cache, and an equal run has to write the same.
func (t *target) group() string {
	var keys []string
	for _, c := range t.plan.CacheFrom {
		if !c.Wired {
			keys = append(keys, entryKey(c.Entry))
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return digest.FromString(strings.Join(keys, "\x01")).Encoded()[:8]
}
