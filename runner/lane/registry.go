package lane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	regtypes "github.com/google/go-containerregistry/pkg/v1/types"
	digest "github.com/opencontainers/go-digest"
)

const (
	// maxBlob bounds what is read of a manifest or a config, in bytes.
	maxBlob = 64 << 20
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
type registry struct{ tag name.Tag }

// WatchRegistry begins to watch the cache of a lane in a registry.
func WatchRegistry(ctx context.Context, ref string, insecure bool) (*Watch, error) {
	var opts []name.Option
	if insecure {
		opts = append(opts, name.Insecure)
	}
	tag, err := name.NewTag(ref, opts...)
	if err != nil {
		return nil, err
	}
	return watch(ctx, &registry{tag}), nil
}

// puller and pusher remember what a registry has granted, so that each request
// but the first of a repository is one request.
var (
	puller = sync.OnceValues(func() (*remote.Puller, error) { return remote.NewPuller(common...) })
	pusher = sync.OnceValues(func() (*remote.Pusher, error) { return remote.NewPusher(common...) })
	common = []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("orch-cache")}
)

func options(ctx context.Context) []remote.Option {
	out := append([]remote.Option{remote.WithContext(ctx)}, common...)
	if p, err := puller(); err == nil {
		out = append(out, remote.Reuse(p))
	}
	if p, err := pusher(); err == nil {
		out = append(out, remote.Reuse(p))
	}
	return out
}

// hold does nothing: runs elsewhere are not kept by it either.
func (r *registry) hold(context.Context) (release func(), err error) { return func() {}, nil }

func (r *registry) load(ctx context.Context) (*content, error) {
	c, err := r.at(ctx, r.tag)
	if isMissing(err) {
		return nil, nil
	}
	return c, err
}

func (r *registry) written(ctx context.Context, manifest string) (*content, error) {
	return r.at(ctx, r.tag.Context().Digest(manifest))
}

func isMissing(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound
}

// head is the digest that the tag points to, or "".
func (r *registry) head(ctx context.Context) (string, error) {
	desc, err := remote.Head(r.tag, options(ctx)...)
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return desc.Digest.String(), nil
}

func (r *registry) at(ctx context.Context, ref name.Reference) (*content, error) {
	desc, err := remote.Get(ref, options(ctx)...)
	if err != nil {
		return nil, err
	}
	c := &content{id: desc.Digest.String()}
	if c.manifest, err = readManifest(desc.Manifest); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", desc.Digest, err)
	}
	layer, err := remote.Layer(r.tag.Context().Digest(c.place.Digest.String()), options(ctx)...)
	if err != nil {
		return nil, err
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxBlob))
	if err != nil {
		return nil, err
	}
	return c, c.readConfig(data)
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
	if err := remote.WriteLayer(r.tag.Context(), static.NewLayer(e.config, "application/octet-stream"), options(ctx)...); err != nil {
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
	if err := remote.Put(r.tag, raw{e.manifest, e.mediaType}, options(ctx)...); err != nil {
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

// raw is a manifest as it is pushed.
type raw struct {
	data      []byte
	mediaType string
}

func (r raw) RawManifest() ([]byte, error) { return r.data, nil }

func (r raw) MediaType() (regtypes.MediaType, error) { return regtypes.MediaType(r.mediaType), nil }
