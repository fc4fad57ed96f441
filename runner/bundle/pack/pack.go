// Package pack writes bundles: it copies images out of registries, and has a builder
// fetch repositories and files. What a bundle has already is not fetched again;
// everything is held against its digest.
//
// It does not know which targets there are, nor how a build uses a bundle.
package pack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/bundle/folder"
)

// Packer writes a bundle.
type Packer struct {
	Dir      string
	Registry *registry.Client
	// Fetch has a builder fetch a source and writes what it comes out as, as the tar
	// of an OCI layout.
	Fetch func(ctx context.Context, src outside.Source, w io.Writer) error

	folder  *folder.Folder
	entries []*bundle.Entry
}

// Packed says what was done.
type Packed struct {
	Dir string `json:"bundle"`
	// Entries counts images, repositories and files.
	Entries int `json:"entries"`
	// Fetched counts the blobs that were fetched, and Bytes what they have.
	Fetched int   `json:"fetched"`
	Bytes   int64 `json:"bytes"`
	// Removed counts the blobs that nothing needs any more.
	Removed int `json:"removed"`
}

func (p Packed) String() string {
	return fmt.Sprintf("%s: %s; %s fetched (%s), %d removed", p.Dir, Entries(p.Entries),
		termtext.Count(p.Fetched, "blob"), termtext.Count(int(p.Bytes), "byte"), p.Removed)
}

// Entries says how many things a bundle has.
func Entries(n int) string {
	if n == 1 {
		return "1 image, repository or file"
	}
	return fmt.Sprintf("%d images, repositories and files", n)
}

// Pack writes what a list names into the bundle, with the lock; both fit together.
func (p *Packer) Pack(ctx context.Context, list *outside.List, held *lock.Lock) (out Packed, err error) {
	if p.folder, err = folder.Begin(p.Dir); err != nil {
		return out, err
	}
	for _, it := range list.Items {
		if it.Kind == lock.Layout {
			if err := p.layout(it, filepath.Dir(held.Name)); err != nil {
				return out, fmt.Errorf("%s: %w", it.Key, err)
			}
			continue
		}
		e := held.Get(it.Kind, it.Name)
		if e == nil {
			return out, usage.Errorf("%s is not in the lock: run orch lock", it.Key)
		}
		if err := p.item(ctx, it, e); err != nil {
			return out, fmt.Errorf("%s: %w", it.Key, err)
		}
	}
	removed, err := p.folder.Finish(p.entries, held)
	written := p.folder.Written()
	return Packed{Dir: p.Dir, Entries: len(p.entries), Fetched: written.Blobs, Bytes: written.Bytes, Removed: removed}, err
}

// item takes one thing in.
func (p *Packer) item(ctx context.Context, it *outside.Item, e *lock.Entry) error {
	if it.Kind != lock.Git && it.Kind != lock.HTTP {
		return p.image(ctx, it, e)
	}
	for _, src := range it.Sources {
		one := &bundle.Entry{Key: it.Key, Pin: e.Digest, Source: src.ID, Attrs: src.Attrs}
		if had := p.had(one); had != nil {
			p.entries = append(p.entries, had)
			continue
		}
		var err error
		if one.Image, err = p.source(ctx, src); err != nil {
			return err
		}
		p.entries = append(p.entries, one)
	}
	return nil
}

// layout copies an image out of an OCI layout, for all platforms that are there. The
// names of layouts start from the folder of the lock.
func (p *Packer) layout(it *outside.Item, from string) error {
	name, _, _ := ocilayout.Split(it.Name)
	layout := &bundle.Bundle{Dir: filepath.Join(from, filepath.FromSlash(name))}
	text, err := ocilayout.Blob(planner.Disk{}, filepath.ToSlash(layout.Dir), digest.Digest(it.Digest))
	if err != nil {
		return fmt.Errorf("reading the OCI layout: %w", err)
	}
	top := ocispecs.Descriptor{MediaType: mediaType(text), Digest: digest.Digest(it.Digest), Size: int64(len(text))}
	e := &bundle.Entry{Key: lock.Key{Kind: lock.Layout, Name: name}, Pin: it.Digest, Image: top}
	layout.Entries = []*bundle.Entry{e}
	blobs, err := layout.Reach()
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(blobs)) {
		if err := p.copied(layout, blobs[key]); err != nil {
			return fmt.Errorf("reading the OCI layout: %w", err)
		}
	}
	p.entries = append(p.entries, e)
	return nil
}

// copied takes a blob of a layout in, unless it is there.
func (p *Packer) copied(layout *bundle.Bundle, d ocispecs.Descriptor) error {
	if p.folder.Has(d) {
		return nil
	}
	file, err := os.Open(bundle.Path(layout.Dir, d.Digest))
	if err != nil {
		return err
	}
	defer file.Close()
	return p.folder.Write(d.Digest, d.Size, file)
}

// had is the entry of the old bundle with the same, if it is whole.
func (p *Packer) had(e *bundle.Entry) *bundle.Entry {
	for _, old := range p.folder.Old.Entries {
		if !old.Same(e) {
			continue
		}
		blobs, err := bundle.Closure(old.Image, "", func(d ocispecs.Descriptor) ([]byte, error) { return p.folder.Old.Blob(d.Digest.String()) })
		if err == nil && !slices.ContainsFunc(blobs, func(d ocispecs.Descriptor) bool { return !p.folder.Has(d) }) {
			return old
		}
	}
	return nil
}

// image copies an image for the platforms that are taken.
func (p *Packer) image(ctx context.Context, it *outside.Item, e *lock.Entry) error {
	plain, _ := lock.SplitDigest(it.Name)
	ref, err := registry.Parse(plain)
	if err != nil {
		return err
	}
	ref.Tag = e.Digest
	m, err := p.manifest(ctx, ref.Repo, digest.Digest(e.Digest))
	if err != nil {
		return err
	}
	top := ocispecs.Descriptor{MediaType: mediaType(m), Digest: digest.Digest(e.Digest), Size: int64(len(m))}
	platforms := it.Platforms
	if len(platforms) == 0 {
		platforms = []string{""}
	}
	for _, platform := range platforms {
		blobs, err := bundle.Closure(top, platform, func(d ocispecs.Descriptor) ([]byte, error) { return p.manifest(ctx, ref.Repo, d.Digest) })
		if err != nil {
			return err
		}
		for _, d := range blobs {
			if err := p.blob(ctx, ref.Repo, d); err != nil {
				return err
			}
		}
	}
	p.entries = append(p.entries, &bundle.Entry{Key: it.Key, Pin: e.Digest, Platforms: it.Platforms, Image: top})
	return nil
}

func mediaType(manifest []byte) string {
	var m struct {
		MediaType string
		Manifests []json.RawMessage
	}
	_ = json.Unmarshal(manifest, &m) // it has been read
	if len(m.Manifests) > 0 {
		return cmp.Or(m.MediaType, ocispecs.MediaTypeImageIndex)
	}
	return cmp.Or(m.MediaType, ocispecs.MediaTypeImageManifest)
}

// manifest reads a manifest of the bundle, or fetches it.
func (p *Packer) manifest(ctx context.Context, repo registry.Repo, d digest.Digest) ([]byte, error) {
	if data, err := p.folder.Old.Blob(d.String()); err == nil {
		return data, nil
	}
	m, err := p.Registry.Manifest(ctx, registry.Ref{Repo: repo, Tag: d.String()})
	if err != nil {
		return nil, err
	}
	return m.Data, p.folder.Write(d, int64(len(m.Data)), strings.NewReader(string(m.Data)))
}

// blob fetches a blob, unless it is there.
func (p *Packer) blob(ctx context.Context, repo registry.Repo, d ocispecs.Descriptor) error {
	if p.folder.Has(d) {
		return nil
	}
	body, err := p.Registry.Open(ctx, repo, d.Digest)
	if err != nil {
		return err
	}
	defer body.Close()
	return p.folder.Write(d.Digest, d.Size, body)
}
