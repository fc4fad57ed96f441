package buildkit

import (
	"context"
	"encoding/json"
	"fmt"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/lane"
)

// watchLanes begins to watch what the run writes in the end and another run may
// write meanwhile: the caches of cache blocks in registries, and those in
// folders. Where the tag cannot be seen from here, nothing is watched.
func (r *run) watchLanes(ctx context.Context) {
	r.lanes = map[string]*lane.Watch{}
	watch := func(c planner.Cache) {
		key := entryKey(c.Entry)
		if r.lanes[key] != nil {
			return
		}
		switch {
		case c.Type == "local" && !isTrue(c.Attrs["reset"]):
			r.lanes[key] = lane.WatchFolder(ctx, c.Attrs["dest"], localTag(c.Attrs))
		case c.Type == "registry" && c.Wired:
			if w, err := lane.WatchRegistry(ctx, c.Attrs["ref"], isTrue(c.Attrs["registry.insecure"]), r.opt.Locks); err == nil {
				r.lanes[key] = w
			}
		}
	}
	for _, b := range r.plan.Builds {
		for _, c := range b.CacheTo {
			watch(c)
		}
	}
	for _, s := range r.plan.Caches {
		watch(s.Cache)
	}
}

// besideOthers writes a cache and keeps what another run has written into the
// same one since this one began.
func (r *run) besideOthers(ctx context.Context, c planner.Cache, write func() (manifest string, err error)) error {
	if w := r.lanes[entryKey(c.Entry)]; w != nil {
		return w.Write(ctx, write)
	}
	_, err := write()
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
