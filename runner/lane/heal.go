package lane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	client "github.com/orch-build/orch/internal/registry"
)

// A cache is made of blobs, of which some can be gone: registries remove what
// they take for garbage, and people files. What is left of such a cache is kept
// as far as it is whole.

// errDamaged is a cache whose list cannot be read, and never will be.
var errDamaged = errors.New("the list of the cache is damaged")

// damaged says that what was read of a cache is gone, or not what it is to be.
func damaged(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.Is(err, errDamaged) || errors.Is(err, client.ErrOther) || errors.Is(err, fs.ErrNotExist) || client.Missing(err) || errors.As(err, &syntax) || errors.As(err, &kind)
}

// incomplete says whether a registry refuses a list because of what it names:
// some look whether all of it is there.
func incomplete(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Method == http.MethodPut && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound)
}

// empty stands for a version that cannot be read.
func empty(id string) *content { return &content{id: id} }

// Distrust makes the next write look whether all that the lane holds is there,
// because a blob of it was found to be gone.
func (w *Watch) Distrust() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.distrusted = true
}

func (w *Watch) looks() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.distrusted
}

// whole is a version without the parts of which blobs are gone. The blobs of
// ours have just been written.
func (w *Watch) whole(ctx context.Context, old, ours *content) *content {
	if old == nil || len(old.parts()) == 0 {
		return old
	}
	gone := w.gone(ctx, old, ours)
	if len(gone) == 0 {
		return old
	}
	out := *old
	out.config.Parts = nil
	for _, p := range old.parts() {
		if old.holds(p, gone) {
			continue
		}
		out.config.Parts = append(out.config.Parts, p)
	}
	if len(out.config.Parts) == 0 {
		out.config = config{}
	}
	return &out
}

// holds says whether a part needs one of some blobs.
func (c *content) holds(p part, blobs map[digest.Digest]bool) bool {
	m := newMerger(types.CacheConfig{})
	m.from = c.config.CacheConfig
	for _, root := range p.Roots {
		if _, err := m.record(root); err != nil {
			return true
		}
	}
	for _, l := range m.into.Layers {
		if blobs[l.Blob] {
			return true
		}
	}
	return false
}

// gone are the layers of a version that are not where they should be.
func (w *Watch) gone(ctx context.Context, old, ours *content) map[digest.Digest]bool {
	have := map[digest.Digest]bool{}
	for _, l := range ours.layers {
		have[l.Digest] = true
	}
	sizes := map[digest.Digest]int64{}
	for _, l := range old.layers {
		sizes[l.Digest] = l.Size
	}
	found := make([]bool, len(old.config.Layers))
	group := errgroup.Group{}
	group.SetLimit(8)
	for i, l := range old.config.Layers {
		group.Go(func() error {
			size, listed := sizes[l.Blob]
			found[i] = have[l.Blob] || listed && w.store.has(ctx, ocispecs.Descriptor{Digest: l.Blob, Size: size})
			return nil
		})
	}
	_ = group.Wait()
	out := map[digest.Digest]bool{}
	for i, l := range old.config.Layers {
		if !found[i] {
			out[l.Blob] = true
		}
	}
	return out
}

// orEmpty is what was read of a version, or an empty one if that is damaged.
func orEmpty(c *content, id string, err error) (*content, error) {
	switch {
	case err == nil:
		return c, nil
	case damaged(err):
		return empty(id), nil
	}
	return nil, fmt.Errorf("reading the cache %s: %w", id, err)
}
