package artifact

import (
	"context"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/bundle/folder"
)

// Pull fetches a bundle into a folder, which may have an older one.
func Pull(ctx context.Context, client *registry.Client, name, dir string) (out Moved, err error) {
	ref, err := parse(name)
	if err != nil {
		return out, err
	}
	m, err := client.Manifest(ctx, ref)
	if registry.Missing(err) {
		return out, fmt.Errorf("there is no bundle %s", full(ref))
	}
	if err != nil {
		return out, err
	}
	p := &puller{client: client, ref: ref, dir: dir}
	if err := p.open(ctx, m.Data); err != nil {
		return out, fmt.Errorf("%s: %w", full(ref), err)
	}
	if p.folder, err = folder.Begin(dir); err != nil {
		return out, err
	}
	if err := p.fetch(ctx); err != nil {
		return out, fmt.Errorf("%s: %w", full(ref), err)
	}
	removed, err := p.folder.FinishTexts(p.index, p.held)
	written := p.folder.Written()
	return Moved{
		Dir: dir, Ref: full(ref), Digest: digest.FromBytes(m.Data).String(), Entries: len(p.bundle.Entries),
		Blobs: len(p.parts.blobs), Moved: written.Blobs, Bytes: written.Bytes, Removed: removed,
	}, err
}

type puller struct {
	client *registry.Client
	ref    registry.Ref
	dir    string

	parts       *contents
	index, held []byte
	bundle      *bundle.Bundle
	folder      *folder.Folder
}

// open reads what the artifact says of the bundle. Nothing is written yet.
func (p *puller) open(ctx context.Context, manifest []byte) (err error) {
	if p.parts, err = read(manifest); err != nil {
		return err
	}
	if p.index, err = p.small(ctx, p.parts.index, bundle.MaxIndex); err != nil {
		return err
	}
	if p.held, err = p.small(ctx, p.parts.lock, lock.MaxSize); err != nil {
		return err
	}
	if _, diags := lock.Parse(lock.FileName, p.held); diags.HasErrors() {
		return diags
	}
	p.bundle, err = bundle.Decode(p.dir, p.index)
	return err
}

// small reads a blob into memory.
func (p *puller) small(ctx context.Context, d ocispecs.Descriptor, most int64) ([]byte, error) {
	if d.Size > most {
		return nil, fmt.Errorf("the blob %s has %d bytes, and %d are the most", d.Digest, d.Size, most)
	}
	return p.client.Blob(ctx, p.ref.Repo, d.Digest)
}

// fetch writes the blobs that are not there, and sees that the entries have theirs.
func (p *puller) fetch(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	known := map[digest.Digest]bool{}
	for _, d := range p.parts.blobs {
		known[d.Digest] = true
		group.Go(func() error { return p.blob(ctx, d) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	needed, err := p.bundle.Reach()
	if err != nil {
		return fmt.Errorf("the bundle is not whole: %w", err)
	}
	for d := range needed {
		if !known[d] {
			return fmt.Errorf("the bundle is not whole: %s is not among its blobs", d)
		}
	}
	return nil
}

func (p *puller) blob(ctx context.Context, d ocispecs.Descriptor) error {
	if p.folder.Has(d) {
		return nil
	}
	body, err := p.client.Open(ctx, p.ref.Repo, d.Digest)
	if err != nil {
		return err
	}
	defer body.Close()
	return p.folder.Write(d.Digest, d.Size, body)
}
