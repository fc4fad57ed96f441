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
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/bundle"
)

// Packer writes a bundle.
type Packer struct {
	Dir      string
	Registry *registry.Client
	// Fetch has a builder fetch a source and writes what it comes out as, as the tar
	// of an OCI layout.
	Fetch func(ctx context.Context, src outside.Source, w io.Writer) error
	// Note is told what is done.
	Note func(line string)

	old     *bundle.Bundle
	entries []*bundle.Entry
	fetched int
	bytes   int64
}

// Pack writes what a list names into the bundle, with the lock; both fit together.
func (p *Packer) Pack(ctx context.Context, list *outside.List, held *lock.Lock) error {
	if err := p.begin(); err != nil {
		return err
	}
	for _, it := range list.Items {
		if it.Kind == lock.Layout {
			continue // a folder of this machine
		}
		e := held.Get(it.Kind, it.Name)
		if e == nil {
			return usage.Errorf("%s is not in the lock: run orch lock", it.Key)
		}
		if err := p.item(ctx, it, e); err != nil {
			return fmt.Errorf("%s: %w", it.Key, err)
		}
	}
	return p.finish(held)
}

// begin opens the bundle that is there, or makes a folder.
func (p *Packer) begin() error {
	p.old = &bundle.Bundle{Dir: p.Dir}
	names, err := os.ReadDir(p.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usage.Wrap(err)
	}
	if _, missing := os.Stat(bundle.Lock(p.Dir)); len(names) > 0 && missing != nil {
		return usage.Errorf("%s is there and no bundle: name another folder with -o", p.Dir)
	}
	if len(names) > 0 {
		if b, err := bundle.Open(p.Dir); err == nil {
			p.old = b
		}
	}
	return os.MkdirAll(filepath.Join(p.Dir, ocispecs.ImageBlobsDir, "sha256"), 0o755)
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

// had is the entry of the old bundle with the same, if it is whole.
func (p *Packer) had(e *bundle.Entry) *bundle.Entry {
	for _, old := range p.old.Entries {
		if !old.Same(e) {
			continue
		}
		blobs, err := bundle.Closure(old.Image, "", func(d ocispecs.Descriptor) ([]byte, error) { return p.old.Blob(d.Digest.String()) })
		if err == nil && !slices.ContainsFunc(blobs, func(d ocispecs.Descriptor) bool { return !p.has(d) }) {
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
	p.entries = append(p.entries, &bundle.Entry{Key: it.Key, Pin: e.Digest, Image: top})
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
	if data, err := p.old.Blob(d.String()); err == nil {
		return data, nil
	}
	m, err := p.Registry.Manifest(ctx, registry.Ref{Repo: repo, Tag: d.String()})
	if err != nil {
		return nil, err
	}
	return m.Data, p.write(d, int64(len(m.Data)), strings.NewReader(string(m.Data)))
}

// blob fetches a blob, unless it is there.
func (p *Packer) blob(ctx context.Context, repo registry.Repo, d ocispecs.Descriptor) error {
	if p.has(d) {
		return nil
	}
	body, err := p.Registry.Open(ctx, repo, d.Digest)
	if err != nil {
		return err
	}
	defer body.Close()
	return p.write(d.Digest, d.Size, body)
}

// has says whether a blob is there, whole.
func (p *Packer) has(d ocispecs.Descriptor) bool {
	if d.Digest.Validate() != nil {
		return false
	}
	f, err := os.Open(bundle.Path(p.Dir, d.Digest))
	if err != nil {
		return false
	}
	defer f.Close()
	verifier := d.Digest.Verifier()
	n, err := io.Copy(verifier, f)
	return err == nil && n == d.Size && verifier.Verified()
}

// write stores a blob under its digest, if it has that.
func (p *Packer) write(d digest.Digest, size int64, from io.Reader) error {
	if err := d.Validate(); err != nil {
		return err
	}
	f, err := output.Create(bundle.Path(p.Dir, d), 0o644)
	if err != nil {
		return err
	}
	defer f.Discard()
	verifier := d.Verifier()
	n, err := io.Copy(io.MultiWriter(f, verifier), io.LimitReader(from, size+1))
	if err != nil {
		return fmt.Errorf("fetching %s: %w", d, err)
	}
	if n != size || !verifier.Verified() {
		return fmt.Errorf("what the registry sends for %s is something else, of %d bytes", d, n)
	}
	p.fetched++
	p.bytes += n
	return f.Commit()
}

// finish writes the index and the lock, and removes what nothing names any more.
func (p *Packer) finish(held *lock.Lock) error {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{}}
	for _, e := range p.entries {
		index.Manifests = append(index.Manifests, e.Descriptor())
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		ocispecs.ImageLayoutFile: []byte(`{"imageLayoutVersion":"1.0.0"}`), ocispecs.ImageIndexFile: append(text, '\n'), lock.FileName: held.Bytes(),
	} {
		if err := output.WriteFile(filepath.Join(p.Dir, name), data, 0o644); err != nil {
			return err
		}
	}
	gone, err := p.sweep()
	if err != nil {
		return err
	}
	p.Note(fmt.Sprintf("%s: %d images, repositories and files; %d blobs fetched (%d bytes), %d removed", p.Dir, len(p.entries), p.fetched, p.bytes, gone))
	return nil
}

// sweep removes blobs that no entry needs.
func (p *Packer) sweep() (gone int, err error) {
	b, err := bundle.Open(p.Dir)
	if err != nil {
		return 0, err
	}
	needed := map[string]bool{}
	for _, e := range b.Entries {
		for d := range reach(b, e.Image) {
			if d.Validate() == nil {
				needed[d.Encoded()] = true
			}
		}
	}
	dir := filepath.Join(p.Dir, ocispecs.ImageBlobsDir, "sha256")
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if !needed[f.Name()] {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return gone, err
			}
			gone++
		}
	}
	return gone, nil
}

// reach lists what of an image is in a bundle, for all platforms.
func reach(b *bundle.Bundle, top ocispecs.Descriptor) map[digest.Digest]bool {
	out := map[digest.Digest]bool{}
	next := []digest.Digest{top.Digest}
	for len(next) > 0 {
		d := next[0]
		next = next[1:]
		if out[d] {
			continue
		}
		out[d] = true
		data, err := b.Blob(d.String())
		if err != nil {
			continue // for a platform that is not taken
		}
		var m struct {
			Config    *ocispecs.Descriptor
			Layers    []ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if json.Unmarshal(data, &m) != nil {
			continue
		}
		if m.Config != nil {
			out[m.Config.Digest] = true
		}
		for _, l := range m.Layers {
			out[l.Digest] = true
		}
		for _, one := range m.Manifests {
			next = append(next, one.Digest)
		}
	}
	return out
}
