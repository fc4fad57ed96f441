package buildkit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/lane"
)

// watchLanes begins to watch the caches of the lanes that the run writes, so
// that it knows in the end what others have written meanwhile.
func (r *run) watchLanes(ctx context.Context) {
	r.lanes = map[string]*lane.Watch{}
	for _, b := range r.plan.Builds {
		for _, c := range b.CacheTo {
			r.watchLane(ctx, c)
		}
	}
	for _, s := range r.plan.Caches {
		r.watchLane(ctx, s.Cache)
	}
}

func (r *run) watchLane(ctx context.Context, c planner.Cache) {
	if c.Lane == nil || r.lanes[entryKey(*c.Lane)] != nil {
		return
	}
	attrs := r.cacheEntry(*c.Lane).Attrs
	var w *lane.Watch
	var err error
	switch c.Type {
	case "local":
		w = lane.WatchFolder(ctx, attrs["dest"], localTag(attrs))
	case "registry":
		w, err = lane.WatchRegistry(ctx, r.opt.Registry, attrs["ref"], c.Insecure)
	case "gha":
		if ghaCache(attrs) == nil {
			w, err = lane.WatchActions(ctx, attrs)
		}
	}
	if w != nil && err == nil {
		if r.drops.any() {
			w.Distrust()
		}
		r.lanes[entryKey(*c.Lane)] = w
	}
}

// intoLane lets the builder write a cache, and puts that into the cache of the
// lane, if there is one. Where the builder may see the cache and this process
// does not, the builder writes the lane's own.
func (r *run) intoLane(ctx context.Context, c planner.Cache, targets []string, write func(client.CacheOptionsEntry) (map[string]string, error)) error {
	e := r.cacheEntry(c.Entry)
	if c.Type == "gha" {
		if err := ghaCache(e.Attrs); err != nil {
			return err
		}
	}
	if c.Lane == nil {
		return r.alone(ctx, e, write)
	}
	w := r.lanes[entryKey(*c.Lane)]
	if w == nil || !w.Seen() {
		return r.alone(ctx, r.cacheEntry(*c.Lane), write)
	}
	if c.Type == "gha" {
		// Nothing says which of several entries with one scope a builder wrote.
		e.Attrs = maps.Clone(e.Attrs)
		e.Attrs["scope"] += "." + rand.Text()[:8]
	}
	return w.Write(ctx, targets, func() (string, error) {
		response, err := write(e)
		if err != nil || c.Type == "gha" {
			return e.Attrs["scope"], err
		}
		return cacheManifest(response)
	})
}

// alone writes a cache that no other is put beside.
func (r *run) alone(ctx context.Context, e client.CacheOptionsEntry, write func(client.CacheOptionsEntry) (map[string]string, error)) error {
	if e.Type == "local" {
		release, err := lane.HoldFolder(ctx, e.Attrs["dest"])
		if err != nil {
			return err
		}
		defer release()
	}
	_, err := write(e)
	return err
}

// cacheManifest is the digest of the manifest that a cache was written with,
// or "" if there was nothing to write. The key is remotecache's
// ExporterResponseManifestDesc.
func cacheManifest(response map[string]string) (string, error) {
	text := response["cache.manifest"]
	if text == "" {
		return "", nil
	}
	var desc ocispecs.Descriptor
	if err := json.Unmarshal([]byte(text), &desc); err != nil {
		return "", fmt.Errorf("reading what the builder says of the cache: %w", err)
	}
	return desc.Digest.String(), nil
}
