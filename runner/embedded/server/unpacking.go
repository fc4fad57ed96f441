//go:build linux

package server

import (
	"context"
	"slices"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/session"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// unpacking is a cache manager that gives back a layer which it could not unpack, as
// when its blob is gone from a cache in a folder. BuildKit's own keeps such a layer in
// use for ever, without the lease that protects it: the next builds find it, unpacked or
// not, and fail when its files have been collected.
type unpacking struct{ cache.Manager }

func (u unpacking) GetByBlob(ctx context.Context, desc ocispecs.Descriptor, parent cache.ImmutableRef, opts ...cache.RefOption) (cache.ImmutableRef, error) {
	var at session.Group // where the layer is to be read at once
	opts = slices.DeleteFunc(slices.Clone(opts), func(o cache.RefOption) bool {
		g, ok := o.(session.Group)
		if ok {
			at = g
		}
		return ok
	})
	ref, err := u.Manager.GetByBlob(ctx, desc, parent, opts...)
	if err != nil || at == nil {
		return ref, err
	}
	if err := ref.Extract(ctx, at); err != nil {
		_ = ref.Release(context.WithoutCancel(ctx))
		return nil, err
	}
	return ref, nil
}
