package skip

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/registry"
)

// attestationPlatform is the one of manifests that hold attestations.
const attestationPlatform = "unknown/unknown"

// content is one thing of an image that a registry is asked for.
type content struct {
	Blob
	manifest bool
}

func (c content) String() string {
	if c.manifest {
		return "the manifest " + c.Digest.String()
	}
	return "the blob " + c.Digest.String()
}

// contents are all things of a record's image, each once.
func (r *Record) contents() []content {
	seen := map[digest.Digest]bool{}
	var out []content
	add := func(d digest.Digest, size int64, manifest bool) {
		if !seen[d] {
			seen[d] = true
			out = append(out, content{Blob{d, size}, manifest})
		}
	}
	add(r.Image.Digest, r.Image.Size, true)
	for _, m := range r.Closure {
		add(m.Digest, m.Size, true)
		for _, b := range m.Blobs {
			add(b.Digest, b.Size, false)
		}
	}
	return out
}

// ask says what of an image a repository does not have, or has with another
// length; an error is one of asking.
func (s *Skipper) ask(ctx context.Context, repo registry.Repo, list []content) (missing []content, err error) {
	has := make([]bool, len(list))
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range list {
		group.Go(func() error {
			defer s.slot()()
			var err error
			if c.manifest {
				has[i], err = s.Client.HasManifest(ctx, repo, c.Digest, c.Size)
			} else {
				has[i], err = s.Client.HasBlob(ctx, repo, c.Digest, c.Size)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, c := range list {
		if !has[i] {
			missing = append(missing, c)
		}
	}
	return missing, nil
}

// whole says why a repository does not have all of an image, or nil.
func (s *Skipper) whole(ctx context.Context, repo registry.Repo, r *Record) error {
	missing, err := s.ask(ctx, repo, r.contents())
	if err != nil {
		return fmt.Errorf("asking %s for all of the image: %w", repo, err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s does not have all of the image: %s is gone, or has another length", repo, missing[0])
	}
	return nil
}

// read reads which manifests and blobs belong to an image, and for which
// platforms it is.
func (s *Skipper) read(ctx context.Context, repo registry.Repo, d digest.Digest) (image ocispecs.Descriptor, closure []Manifest, err error) {
	top, err := s.manifest(ctx, repo, d)
	if err != nil {
		return image, nil, err
	}
	image = ocispecs.Descriptor{MediaType: top.MediaType, Digest: d, Size: int64(len(top.Data))}
	var index ocispecs.Index
	if err := json.Unmarshal(top.Data, &index); err != nil {
		return image, nil, fmt.Errorf("reading the manifest %s: %w", d, err)
	}
	if len(index.Manifests) == 0 {
		one, err := blobsOf(image, top.Data)
		return image, []Manifest{one}, err
	}
	for _, desc := range index.Manifests {
		if err := desc.Digest.Validate(); err != nil {
			return image, nil, fmt.Errorf("reading the manifest %s: it names %q: %w", d, desc.Digest, err)
		}
		m, err := s.manifest(ctx, repo, desc.Digest)
		if err != nil {
			return image, nil, err
		}
		one, err := blobsOf(ocispecs.Descriptor{
			MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size, Platform: desc.Platform,
		}, m.Data)
		if err != nil {
			return image, nil, err
		}
		closure = append(closure, one)
	}
	return image, closure, nil
}

func (s *Skipper) manifest(ctx context.Context, repo registry.Repo, d digest.Digest) (*registry.Manifest, error) {
	defer s.slot()()
	return s.Client.Manifest(ctx, registry.Ref{Repo: repo, Tag: d.String()})
}

// blobsOf reads what a manifest names.
func blobsOf(desc ocispecs.Descriptor, data []byte) (Manifest, error) {
	var m ocispecs.Manifest
	if err := json.Unmarshal(data, &m); err != nil || m.Config.Digest == "" {
		return Manifest{}, fmt.Errorf("the manifest %s is not that of an image", desc.Digest)
	}
	out := Manifest{Descriptor: desc, Blobs: []Blob{{m.Config.Digest, m.Config.Size}}}
	for _, l := range m.Layers {
		out.Blobs = append(out.Blobs, Blob{l.Digest, l.Size})
	}
	return out, nil
}

// platformsOf are the platforms of an index; nil for an image that is none.
func platformsOf(closure []Manifest) []string {
	var out []string
	for _, m := range closure {
		if m.Platform == nil {
			continue
		}
		if p := platforms.FormatAll(platforms.Normalize(*m.Platform)); p != attestationPlatform {
			out = append(out, p)
		}
	}
	return out
}

// copy brings an image from one repository to another.
func (s *Skipper) copy(ctx context.Context, from, to registry.Repo, r *Record) error {
	group, inner := errgroup.WithContext(ctx)
	for _, c := range r.contents() {
		if c.manifest {
			continue
		}
		group.Go(func() error {
			defer s.slot()()
			return s.Client.Copy(inner, from, to, c.Digest, c.Size)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("copying from %s to %s: %w", from, to, err)
	}
	// What names others comes after them.
	list := r.contents()
	list = append(list[1:], list[0])
	for _, c := range list {
		if !c.manifest {
			continue
		}
		m, err := s.manifest(ctx, from, c.Digest)
		if err == nil {
			err = s.Client.Put(ctx, registry.Ref{Repo: to, Tag: c.Digest.String()}, m)
		}
		if err != nil {
			return fmt.Errorf("copying from %s to %s: %w", from, to, err)
		}
	}
	return nil
}
