// Package imageconfig says what the names of images mean: which digest, and
// which configuration for a platform. Configurations are remembered by digest,
// for ever, since what a digest means never changes; registries are asked only
// if that is wanted.
//
// It knows nothing of targets and definitions, and moves no layers.
package imageconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
)

// Image is what the name of an image means.
type Image struct {
	Digest string // of the manifest or the index; "" if it is not known
	Config []byte // its configuration for the platform; nil if it is not known
}

// ErrUnknown says that an image is not known, and that nobody was asked.
var ErrUnknown = errors.New("not known here")

// ErrPlatform says that an image is not for a platform.
var ErrPlatform = errors.New("the image is not there for")

// Resolver answers for images. It is for several goroutines.
type Resolver struct {
	// Store remembers configurations; the zero value remembers none.
	Store Store
	// Client asks registries; nil asks none.
	Client *registry.Client
	// Pinned reads the configurations of images whose digests are locked; nil
	// reads none.
	Pinned *registry.Client
	// Local reads manifests and configurations that are on this machine, by their
	// digests; nil reads none. It is asked first.
	Local func(digest string) ([]byte, error)
	// Seen says which digest a name had when it was last met, or "". It answers
	// where no registry is asked; nil knows none.
	Seen func(name string) string

	mu    sync.Mutex
	heads map[string]*head
}

type head struct {
	once   sync.Once
	digest string
	err    error
}

// Image returns what a reference means on a platform.
func (r *Resolver) Image(ctx context.Context, name string, platform ocispecs.Platform) (Image, error) {
	ref, err := registry.Parse(name)
	if err != nil {
		return Image{}, err
	}
	dgst := ref.Tag
	if _, err := digest.Parse(dgst); err != nil {
		if dgst, err = r.pin(ctx, name, ref); err != nil {
			return Image{}, err
		}
	}
	if config := r.Store.Load(dgst, platforms.FormatAll(platform)); config != nil {
		return Image{dgst, config}, nil
	}
	if config := r.local(dgst, platform); config != nil {
		return Image{dgst, config}, nil
	}
	if r.Client == nil {
		return Image{Digest: dgst}, nil
	}
	config, err := fetch(ctx, r.Client, ref.Repo, dgst, platform)
	if err != nil {
		return Image{}, fmt.Errorf("reading %s: %w", name, err)
	}
	r.Store.Save(dgst, platforms.FormatAll(platform), config)
	return Image{dgst, config}, nil
}

// Locked returns the image of a digest that a lock has for a reference. The
// digest is known in any case.
func (r *Resolver) Locked(ctx context.Context, name, dgst string, platform ocispecs.Platform) (Image, error) {
	ref, err := registry.Parse(name)
	if err != nil {
		return Image{Digest: dgst}, err
	}
	if config := r.Store.Load(dgst, platforms.FormatAll(platform)); config != nil {
		return Image{dgst, config}, nil
	}
	if config := r.local(dgst, platform); config != nil {
		return Image{dgst, config}, nil
	}
	client := r.Pinned
	if client == nil {
		client = r.Client
	}
	if client == nil {
		return Image{Digest: dgst}, nil
	}
	config, err := fetch(ctx, client, ref.Repo, dgst, platform)
	if err != nil {
		return Image{Digest: dgst}, fmt.Errorf("reading %s, which is locked to %s: %w", name, dgst, err)
	}
	r.Store.Save(dgst, platforms.FormatAll(platform), config)
	return Image{dgst, config}, nil
}

// local reads a configuration of this machine, or nil.
func (r *Resolver) local(dgst string, platform ocispecs.Platform) []byte {
	if r.Local == nil {
		return nil
	}
	top, err := r.Local(dgst)
	if err != nil {
		return nil
	}
	config, err := Find(top, platform, func(d digest.Digest, _ bool) ([]byte, error) { return r.Local(d.String()) })
	if err != nil {
		return nil
	}
	return config
}

// pin finds the digest that a tag has.
func (r *Resolver) pin(ctx context.Context, name string, ref registry.Ref) (string, error) {
	if r.Client != nil {
		return r.head(ctx, ref)
	}
	if r.Seen != nil {
		if dgst := r.Seen(name); dgst != "" {
			return dgst, nil
		}
	}
	return "", ErrUnknown
}

// head asks once where a tag points.
func (r *Resolver) head(ctx context.Context, ref registry.Ref) (string, error) {
	key := ref.Repo.String() + ":" + ref.Tag
	r.mu.Lock()
	if r.heads == nil {
		r.heads = map[string]*head{}
	}
	h := r.heads[key]
	if h == nil {
		h = &head{}
		r.heads[key] = h
	}
	r.mu.Unlock()
	h.once.Do(func() {
		h.digest, h.err = r.Client.Head(ctx, ref)
		if h.err == nil && h.digest == "" {
			h.err = fmt.Errorf("%s is not there", key)
		}
	})
	return h.digest, h.err
}

// fetch reads the configuration behind a digest.
func fetch(ctx context.Context, client *registry.Client, repo registry.Repo, dgst string, platform ocispecs.Platform) ([]byte, error) {
	m, err := client.Manifest(ctx, registry.Ref{Repo: repo, Tag: dgst})
	if err != nil {
		return nil, err
	}
	return Find(m.Data, platform, func(d digest.Digest, manifest bool) ([]byte, error) {
		if !manifest {
			return client.Blob(ctx, repo, d)
		}
		m, err := client.Manifest(ctx, registry.Ref{Repo: repo, Tag: d.String()})
		if err != nil {
			return nil, err
		}
		return m.Data, nil
	})
}

// Find finds the configuration of an image for a platform, from its manifest or
// index; read fetches the manifests and blobs that it names.
func Find(data []byte, p ocispecs.Platform, read func(d digest.Digest, manifest bool) ([]byte, error)) ([]byte, error) {
	const depth = 3
	for range depth {
		var m struct {
			Config    *ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		if m.Config != nil {
			if err := m.Config.Digest.Validate(); err != nil {
				return nil, fmt.Errorf("reading a manifest: its configuration %q: %w", m.Config.Digest, err)
			}
			return read(m.Config.Digest, false)
		}
		next, err := forPlatform(m.Manifests, p)
		if err != nil {
			return nil, err
		}
		if data, err = read(next, true); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("reading a manifest: indexes in indexes")
}

// Manifest is the digest of an image's manifest for a platform. data is what
// itself is the digest of: a manifest or an index.
func Manifest(data []byte, itself string, p ocispecs.Platform) (string, error) {
	var m struct {
		Config    *ocispecs.Descriptor
		Manifests []ocispecs.Descriptor
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("reading a manifest: %w", err)
	}
	if m.Config != nil {
		return itself, nil
	}
	found, err := forPlatform(m.Manifests, p)
	return found.String(), err
}

// forPlatform chooses the best manifest of an index, as containerd does.
func forPlatform(list []ocispecs.Descriptor, p ocispecs.Platform) (digest.Digest, error) {
	match := platforms.Only(p)
	var best *ocispecs.Descriptor
	for i := range list {
		d := &list[i]
		if d.Platform == nil && len(list) == 1 {
			best = d
		}
		if d.Platform != nil && match.Match(*d.Platform) && (best == nil || match.Less(*d.Platform, *best.Platform)) {
			best = d
		}
	}
	if best == nil {
		return "", fmt.Errorf("%w %s", ErrPlatform, platforms.FormatAll(p))
	}
	if err := best.Digest.Validate(); err != nil {
		return "", fmt.Errorf("reading an index: the manifest %q for %s: %w", best.Digest, platforms.FormatAll(p), err)
	}
	return best.Digest, nil
}
