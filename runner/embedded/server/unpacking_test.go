//go:build linux

package server

import (
	"context"
	"errors"
	"testing"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/session"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// blobs is a cache manager with one layer.
type blobs struct {
	cache.Manager
	layer *layer
	asked []cache.RefOption
}

func (b *blobs) GetByBlob(_ context.Context, _ ocispecs.Descriptor, _ cache.ImmutableRef, opts ...cache.RefOption) (cache.ImmutableRef, error) {
	b.asked = opts
	return b.layer, nil
}

// layer cannot be unpacked if it has an error.
type layer struct {
	cache.ImmutableRef
	damage             error
	unpacked, released bool
}

func (l *layer) Extract(context.Context, session.Group) error {
	l.unpacked = true
	return l.damage
}

func (l *layer) Release(context.Context) error {
	l.released = true
	return nil
}

func TestUnpacking(t *testing.T) {
	damage := errors.New("the blob is gone")
	for name, c := range map[string]struct {
		opts               []cache.RefOption
		damage             error
		unpacked, released bool
	}{
		"later":   {opts: []cache.RefOption{cache.WithDescription("x")}, damage: damage},
		"at once": {opts: []cache.RefOption{cache.Unlazy(session.NewGroup("s")), cache.WithDescription("x")}, unpacked: true},
		"damaged": {opts: []cache.RefOption{cache.WithDescription("x"), cache.Unlazy(session.NewGroup("s"))}, damage: damage, unpacked: true, released: true},
	} {
		b := &blobs{layer: &layer{damage: c.damage}}
		ref, err := unpacking{b}.GetByBlob(t.Context(), ocispecs.Descriptor{}, nil, c.opts...)
		if wrong := c.unpacked && c.damage != nil; wrong != errors.Is(err, damage) || wrong != (ref == nil) {
			t.Errorf("%s: %v, %v", name, ref, err)
		}
		if b.layer.unpacked != c.unpacked || b.layer.released != c.released || len(b.asked) != 1 {
			t.Errorf("%s: unpacked %t, released %t, asked with %d options", name, b.layer.unpacked, b.layer.released, len(b.asked))
		}
	}
}
