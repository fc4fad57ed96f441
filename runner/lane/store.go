package lane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	regtypes "github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxBlob bounds what is read of a manifest or a config, in bytes.
const maxBlob = 64 << 20

// store is where a cache is: under a tag of a repository or of a folder.
type store interface {
	// head is the digest that the tag points to, or "".
	head(ctx context.Context) (digest.Digest, error)
	manifest(ctx context.Context, d digest.Digest) ([]byte, error)
	blob(ctx context.Context, d digest.Digest) ([]byte, error)
	addBlob(ctx context.Context, data []byte) error
	// point stores a manifest and points the tag at it.
	point(ctx context.Context, data []byte, mediaType string) error
}

// registry is a store in a registry.
type registry struct{ tag name.Tag }

func newRegistry(ref string, insecure bool) (*registry, error) {
	var opts []name.Option
	if insecure {
		opts = append(opts, name.Insecure)
	}
	tag, err := name.NewTag(ref, opts...)
	if err != nil {
		return nil, err
	}
	return &registry{tag}, nil
}

// puller remembers what a registry has granted, so that each request but the
// first of a repository is one request.
var puller = sync.OnceValues(func() (*remote.Puller, error) { return remote.NewPuller(common...) })

var common = []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("orch-cache")}

func options(ctx context.Context) []remote.Option {
	out := append([]remote.Option{remote.WithContext(ctx)}, common...)
	if p, err := puller(); err == nil {
		out = append(out, remote.Reuse(p))
	}
	return out
}

func (r *registry) head(ctx context.Context) (digest.Digest, error) {
	desc, err := remote.Head(r.tag, options(ctx)...)
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return digest.Digest(desc.Digest.String()), nil
}

func (r *registry) manifest(ctx context.Context, d digest.Digest) ([]byte, error) {
	desc, err := remote.Get(r.tag.Context().Digest(d.String()), options(ctx)...)
	if err != nil {
		return nil, err
	}
	return desc.Manifest, nil
}

func (r *registry) blob(ctx context.Context, d digest.Digest) ([]byte, error) {
	layer, err := remote.Layer(r.tag.Context().Digest(d.String()), options(ctx)...)
	if err != nil {
		return nil, err
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxBlob))
}

func (r *registry) addBlob(ctx context.Context, data []byte) error {
	return remote.WriteLayer(r.tag.Context(), static.NewLayer(data, "application/octet-stream"), options(ctx)...)
}

func (r *registry) point(ctx context.Context, data []byte, mediaType string) error {
	return remote.Put(r.tag, raw{data, mediaType}, options(ctx)...)
}

// raw is a manifest as it is pushed.
type raw struct {
	data      []byte
	mediaType string
}

func (r raw) RawManifest() ([]byte, error) { return r.data, nil }

func (r raw) MediaType() (regtypes.MediaType, error) { return regtypes.MediaType(r.mediaType), nil }

// folder is a store in an OCI layout folder.
type folder struct{ dir, tag string }

func (f folder) head(context.Context) (digest.Digest, error) {
	if _, err := os.Stat(filepath.Join(f.dir, ocispecs.ImageIndexFile)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	desc, err := ociindex.NewStoreIndex(f.dir).Get(f.tag)
	if err != nil || desc == nil {
		return "", err
	}
	return desc.Digest, nil
}

func (f folder) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	return filepath.Join(f.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), nil
}

func (f folder) manifest(ctx context.Context, d digest.Digest) ([]byte, error) { return f.blob(ctx, d) }

func (f folder) blob(_ context.Context, d digest.Digest) ([]byte, error) {
	path, err := f.path(d)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (f folder) addBlob(_ context.Context, data []byte) error {
	path, err := f.path(digest.FromBytes(data))
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".orch-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.Copy(tmp, bytes.NewReader(data))
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func (f folder) point(ctx context.Context, data []byte, mediaType string) error {
	if err := f.addBlob(ctx, data); err != nil {
		return err
	}
	desc := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := ociindex.NewStoreIndex(f.dir).Put(desc, ociindex.Tag(f.tag)); err != nil {
		return fmt.Errorf("writing the index of %s: %w", f.dir, err)
	}
	return nil
}
