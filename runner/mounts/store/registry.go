package store

import (
	"context"
	"fmt"
	"io"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
)

type inRegistry struct {
	client *registry.Client
	tag    registry.Ref
}

// Registry is a place in a registry.
func Registry(c *registry.Client, name registry.Name) (Store, error) {
	tag, err := name.Parse()
	return &inRegistry{c, tag}, err
}

func (r *inRegistry) Load(ctx context.Context) (*Entry, error) {
	m, err := r.client.Manifest(ctx, r.tag)
	if registry.Missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decode(m.Data)
}

func (r *inRegistry) Open(ctx context.Context, e *Entry) (io.ReadCloser, error) {
	have, err := r.client.HasBlob(ctx, r.tag.Repo, e.Layer.Digest, e.Layer.Size)
	if err != nil {
		return nil, err
	}
	if !have {
		return nil, fmt.Errorf("the layer %s is gone or truncated", e.Layer.Digest)
	}
	body, err := r.client.Open(ctx, r.tag.Repo, e.Layer.Digest)
	if err != nil {
		return nil, err
	}
	return verify(body, e.Layer), nil
}

func (r *inRegistry) Save(ctx context.Context, e *Entry, archive io.ReaderAt) error {
	manifest, config, err := encode(e)
	if err != nil {
		return err
	}
	open := func() (io.ReadCloser, error) { return section(archive, e.Layer.Size), nil }
	if err := r.client.Upload(ctx, r.tag.Repo, e.Layer.Digest, e.Layer.Size, open); err != nil {
		return err
	}
	if err := r.client.PutBlob(ctx, r.tag.Repo, config); err != nil {
		return err
	}
	return r.client.Put(ctx, r.tag, &registry.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: manifest})
}
