package buildkit

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/caches"
)

// cacheSources returns what the anchor reads: every cache source of its
// targets, once.
func (a *anchor) cacheSources(ctx context.Context) []client.CacheOptionsEntry {
	seen := map[string]bool{}
	var out []client.CacheOptionsEntry
	for _, b := range a.builds {
		for _, c := range b.CacheFrom {
			if key := caches.Key(c.Entry); !seen[key] {
				seen[key] = true
				if e, ok := a.run.cacheSource(ctx, c); ok {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// access is how the places of caches are reached.
func (r *run) access() caches.Access {
	return caches.Access{LookupEnv: r.opt.LookupEnv, Registry: r.opt.Registry}
}

// cacheSource is a source as BuildKit takes it, or false if it is known
// beforehand that there is nothing to read.
func (r *run) cacheSource(ctx context.Context, c planner.Cache) (client.CacheOptionsEntry, bool) {
	if r.drops.Reason(c) != nil {
		return client.CacheOptionsEntry{}, false
	}
	e, err := r.access().Source(ctx, c)
	if err != nil {
		r.caches.Read(c, err)
		return e, false
	}
	return e, true
}

// cacheOptions leaves of the sources of the anchor those of this target: each
// source that a step is looked up in costs time.
func (t *target) cacheOptions(ctx context.Context) error {
	all := t.opts[caches.ImportsOption]
	delete(t.opts, caches.ImportsOption)
	if all == "" || len(t.plan.CacheFrom) == 0 {
		return nil
	}
	entries, err := caches.Imports(map[string]string{caches.ImportsOption: all})
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, c := range t.anchor.worthReading(ctx, t.plan.CacheFrom) {
		mine[caches.Key(config.Entry(t.run.access().Entry(c.Entry)))] = true
	}
	entries = slices.DeleteFunc(entries, func(e gateway.CacheOptionsEntry) bool {
		return !mine[caches.Key(config.Entry{Type: e.Type, Attrs: e.Attrs})]
	})
	data, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	t.opts[caches.ImportsOption] = string(data)
	return nil
}

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
	v, err := a.memo.Do(ctx, "cache "+caches.Key(c.Entry), func() (any, error) {
		e, ok := a.offered(c)
		if !ok {
			return false, nil
		}
		// One question at a time: only caches in registries are called by
		// their names.
		a.asking.Lock()
		defer a.asking.Unlock()
		before := a.run.caches.Reported()
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
		return a.run.caches.Await(ctx, c, before), nil
	})
	return err == nil && v.(bool)
}

// offered is a source as it was handed to the builder when the anchor was opened;
// false if there was nothing to read then.
func (a *anchor) offered(c planner.Cache) (gateway.CacheOptionsEntry, bool) {
	key := caches.Key(config.Entry(a.run.access().Entry(c.Entry)))
	entries, err := caches.Imports(a.gateway.BuildOpts().Opts)
	if err != nil {
		return gateway.CacheOptionsEntry{}, false
	}
	i := slices.IndexFunc(entries, func(e gateway.CacheOptionsEntry) bool {
		return caches.Key(config.Entry{Type: e.Type, Attrs: e.Attrs}) == key
	})
	if i < 0 {
		return gateway.CacheOptionsEntry{}, false
	}
	return entries[i], true
}

// lookup is the name of the vertex that is looked up only for a cache.
const lookup = "[internal] look for a cache"

// group is equal for targets that read the same caches, of those that are
// written out. Targets of different groups have sources of their own, so that
// the builder keeps their steps apart, and each finds its own in its cache. The
// group depends on nothing but the definition: the sources are part of what is
// written to a cache, and an equal run has to write the same.
func (t *target) group() string {
	var keys []string
	for _, c := range t.plan.CacheFrom {
		if !c.Wired {
			keys = append(keys, caches.Key(c.Entry))
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return digest.FromString(strings.Join(keys, "\x01")).Encoded()[:8]
}
