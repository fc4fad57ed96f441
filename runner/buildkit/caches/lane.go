package caches

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/lane"
)

// Lanes puts what a run has written into the caches of its lanes.
type Lanes struct {
	access  Access
	damaged func() bool            // a result of a cache could not be read
	watches map[string]*lane.Watch // by the key of a destination
}

// WatchLanes begins to watch the caches of the lanes that a plan writes, so that
// it is known in the end what others have written meanwhile. Where a cache was
// dropped, what is there is not trusted.
func (a Access) WatchLanes(ctx context.Context, plan *planner.Plan, drops *Drops, damaged func() bool) *Lanes {
	l := &Lanes{access: a, damaged: damaged, watches: map[string]*lane.Watch{}}
	distrust := drops.any()
	for _, b := range plan.Builds {
		for _, c := range b.CacheTo {
			l.watch(ctx, c, distrust)
		}
	}
	for _, s := range plan.Caches {
		l.watch(ctx, s.Cache, distrust)
	}
	return l
}

func (l *Lanes) watch(ctx context.Context, c planner.Cache, distrust bool) {
	if c.Lane == nil || l.watches[Key(*c.Lane)] != nil {
		return
	}
	attrs := l.access.Entry(*c.Lane).Attrs
	var w *lane.Watch
	var err error
	switch c.Type {
	case "local":
		w = lane.WatchFolder(ctx, attrs["dest"], localTag(attrs))
	case "registry":
		w, err = lane.WatchRegistry(ctx, l.access.Registry, registry.Name{Text: attrs["ref"], Insecure: c.Insecure})
	case "gha":
		if ghaCache(attrs) == nil {
			w, err = lane.WatchActions(ctx, attrs)
		}
	}
	if w != nil && err == nil {
		if distrust {
			w.Distrust()
		}
		l.watches[Key(*c.Lane)] = w
	}
}

// Write lets the builder write a cache, and puts that into the cache of the
// lane, if there is one. Where the builder may see the cache and this process
// does not, the builder writes the lane's own.
func (l *Lanes) Write(ctx context.Context, c planner.Cache, targets []string, write func(client.CacheOptionsEntry) (map[string]string, error)) error {
	e := l.access.Entry(c.Entry)
	if c.Type == "gha" {
		if err := ghaCache(e.Attrs); err != nil {
			return err
		}
	}
	if c.Lane == nil {
		return l.alone(ctx, e, write)
	}
	w := l.watches[Key(*c.Lane)]
	if w == nil || !w.Seen() {
		return l.alone(ctx, l.access.Entry(*c.Lane), write)
	}
	if l.damaged() {
		w.Distrust()
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
func (l *Lanes) alone(ctx context.Context, e client.CacheOptionsEntry, write func(client.CacheOptionsEntry) (map[string]string, error)) error {
	if e.Type == "local" {
		release, err := lane.HoldFolder(ctx, e.Attrs["dest"], l.damaged())
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
