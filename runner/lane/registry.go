package lane

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	client "github.com/orch-build/orch/internal/registry"
)

const (
	// settleTime is the least time after which a run looks whether another has
	// pointed the tag elsewhere; settleFactor is how much longer it waits than
	// it took itself from its look to its pointing.
	settleTime   = 200 * time.Millisecond
	settleFactor = 4
	// maxTries is how often a run points the tag at its list before it gives up
	// against others that do.
	maxTries = 40
)

// registry is a cache under a tag of a repository.
type registry struct {
	client *client.Client
	tag    client.Ref
}

// WatchRegistry begins to watch the cache of a lane in a registry.
func WatchRegistry(ctx context.Context, c *client.Client, name client.Name) (*Watch, error) {
	tag, err := name.Parse()
	if err != nil {
		return nil, err
	}
	return watch(ctx, &registry{c, tag}), nil
}

// hold does nothing: runs elsewhere are not kept by it either.
func (r *registry) hold(context.Context) (release func(), err error) { return func() {}, nil }

func (r *registry) load(ctx context.Context) (*content, error) {
	m, err := r.client.Manifest(ctx, r.tag)
	if client.Missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := r.read(ctx, m)
	return orEmpty(c, digest.FromBytes(m.Data).String(), err)
}

func (r *registry) written(ctx context.Context, manifest string) (*content, error) {
	return r.at(ctx, client.Ref{Repo: r.tag.Repo, Tag: manifest})
}

// head is the digest that the tag points to, or "".
func (r *registry) head(ctx context.Context) (string, error) { return r.client.Head(ctx, r.tag) }

func (r *registry) at(ctx context.Context, ref client.Ref) (*content, error) {
	m, err := r.client.Manifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	return r.read(ctx, m)
}

// read reads the list of a version.
func (r *registry) read(ctx context.Context, m *client.Manifest) (*content, error) {
	c := &content{id: digest.FromBytes(m.Data).String()}
	var err error
	if c.manifest, err = readManifest(m.Data); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", c.id, err)
	}
	data, err := r.client.Blob(ctx, r.tag.Repo, c.place.Digest)
	if err != nil {
		return nil, err
	}
	return c, c.readConfig(data)
}

func (r *registry) has(ctx context.Context, layer ocispecs.Descriptor) bool {
	have, err := r.client.HasBlob(ctx, r.tag.Repo, layer.Digest, layer.Size)
	return have || err != nil
}

func (r *registry) update(ctx context.Context, change change) error {
	for try := range maxTries {
		old, err := r.load(ctx)
		if err != nil {
			return err
		}
		next, err := change(old)
		if err != nil || next == nil {
			return err
		}
		settled, err := r.point(ctx, old, next, try)
		if err != nil || settled {
			return err
		}
	}
	return fmt.Errorf("other runs wrote it again and again, in %d attempts", maxTries)
}

// point makes the tag point at a new version in place of the old one. It
// returns false if others have pointed it elsewhere, before or after.
func (r *registry) point(ctx context.Context, old, next *content, try int) (bool, error) {
	e, err := next.encode()
	if err != nil {
		return false, err
	}
	if err := r.client.PutBlob(ctx, r.tag.Repo, e.config); err != nil {
		return false, err
	}
	was := ""
	if old != nil {
		was = old.id
	}
	looked := time.Now()
	if now, err := r.head(ctx); err != nil || now != was {
		return false, errors.Join(err, pause(ctx, 0, try))
	}
	if err := r.client.Put(ctx, r.tag, &client.Manifest{MediaType: e.mediaType, Data: e.manifest}); err != nil {
		return false, err
	}
	if err := pause(ctx, max(settleTime, settleFactor*time.Since(looked)), try); err != nil {
		return false, err
	}
	now, err := r.head(ctx)
	return now == digest.FromBytes(e.manifest).String(), err
}

// pause waits, and then for a random time, so that runs that are in each
// other's way get out of step.
func pause(ctx context.Context, least time.Duration, try int) error {
	const step = 50 * time.Millisecond
	select {
	case <-time.After(least + rand.N(step*time.Duration(min(try, 20)+1))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
