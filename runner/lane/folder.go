package lane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/layout"
	"github.com/orch-build/orch/internal/output"
)

// folder is a cache in an OCI layout folder.
type folder struct{ dir, tag string }

// WatchFolder begins to watch the cache of a lane in a folder.
func WatchFolder(ctx context.Context, dir, tag string) *Watch {
	f := folder{dir, tag}
	w := watch(ctx, f)
	w.found.Wait()
	if d, err := f.head(); err == nil && d != "" && FolderLacks(dir, d) != "" {
		w.Distrust()
	}
	return w
}

// HoldFolder keeps other runs from writing to a folder until the returned
// function is called: BuildKit's client does not wait for others, but fails. What is
// damaged in it is removed first; see layout.Mend.
func HoldFolder(ctx context.Context, dir string, distrust bool) (release func(), err error) {
	f := folder{dir: dir}
	if release, err = f.hold(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(f.mend(ctx, false), layout.Mend(ctx, dir, distrust)); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// FolderLacks is a blob that a cache in a folder names and that is gone, or not of its
// size; "" if there is none, or if that cannot be said.
func FolderLacks(dir string, manifest digest.Digest) digest.Digest {
	f := folder{dir: dir}
	data, err := f.blob(manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest
	}
	var list struct{ Manifests, Layers []ocispecs.Descriptor }
	if err != nil || json.Unmarshal(data, &list) != nil {
		return ""
	}
	for _, d := range slices.Concat(list.Manifests, list.Layers) {
		path, err := f.path(d.Digest)
		if err != nil {
			continue
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != d.Size {
			return d.Digest
		}
	}
	return ""
}

// damagedSuffix is added to the name of an index that cannot be read.
const damagedSuffix = ".damaged"

// mend makes the folder one that can be written: an index that is none is put aside, and,
// if what is there is distrusted, its damaged blobs are removed.
func (f folder) mend(ctx context.Context, distrust bool) error {
	index := filepath.Join(f.dir, ocispecs.ImageIndexFile)
	data, err := os.ReadFile(index)
	if err != nil {
		return nil // there is none, or the builder's client says what is wrong with it
	}
	var list ocispecs.Index
	if json.Unmarshal(data, &list) != nil {
		empty := []byte(`{"schemaVersion":2,"manifests":[]}`)
		return errors.Join(output.WriteFile(index+damagedSuffix, data, 0o644), output.WriteFile(index, empty, 0o644))
	}
	if !distrust {
		return nil
	}
	return layout.Mend(ctx, f.dir, true)
}

// FolderDigest is the manifest of the cache in a folder, or "" if there is
// none.
func FolderDigest(ctx context.Context, dir, tag string) (digest.Digest, error) {
	if _, err := os.Stat(dir); err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return "", err
	}
	f := folder{dir, tag}
	release, err := f.hold(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return f.head()
}

// lockName is the file in a folder by which runs of orch wait for each other, and
// sharedName that by which BuildKit's client, and so bake, keeps what is being
// written from being removed: those that write share it.
const (
	lockName   = "orch.lock"
	sharedName = "cache.lock"
)

// hold waits for the runs on this machine that use the folder. Where there can
// be no lock, it goes without.
func (f folder) hold(ctx context.Context) (release func(), err error) {
	if os.MkdirAll(f.dir, 0o755) != nil {
		return func() {}, nil
	}
	l := flock.New(filepath.Join(f.dir, lockName))
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for another run to write the cache: %w", err)
	}
	shared := flock.New(filepath.Join(f.dir, sharedName))
	if _, err := shared.TryRLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() != nil {
		_ = l.Unlock()
		return nil, fmt.Errorf("waiting for another program to clean the cache: %w", err)
	}
	restore := layout.Keep(f.dir)
	return func() {
		restore()
		_ = shared.Unlock()
		_ = l.Unlock()
	}, nil
}

// head is the digest that the tag points to, or "".
func (f folder) head() (digest.Digest, error) {
	if _, err := os.Stat(filepath.Join(f.dir, ocispecs.ImageIndexFile)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	desc, err := ociindex.NewStoreIndex(f.dir).Get(f.tag)
	if err != nil || desc == nil {
		return "", err
	}
	return desc.Digest, nil
}

func (f folder) load(ctx context.Context) (*content, error) {
	d, err := f.head()
	if err != nil || d == "" {
		return nil, err
	}
	c, err := f.written(ctx, d.String())
	return orEmpty(c, d.String(), err)
}

func (f folder) has(_ context.Context, layer ocispecs.Descriptor) bool {
	path, err := f.path(layer.Digest)
	if err != nil {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() != layer.Size {
		return false
	}
	sum := layer.Digest.Verifier()
	_, err = io.Copy(sum, file)
	return err == nil && sum.Verified()
}

func (f folder) written(_ context.Context, name string) (*content, error) {
	data, err := f.blob(digest.Digest(name))
	if err != nil {
		return nil, err
	}
	c := &content{id: name}
	if c.manifest, err = readManifest(data); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	if data, err = f.blob(c.place.Digest); err != nil {
		return nil, err
	}
	if c.place.Digest.Algorithm().FromBytes(data) != c.place.Digest {
		return nil, fmt.Errorf("%s: %w", c.place.Digest, errDamaged)
	}
	return c, c.readConfig(data)
}

func (f folder) update(ctx context.Context, change change) error {
	old, err := f.load(ctx)
	if err != nil {
		return err
	}
	next, err := change(old)
	if err != nil || next == nil {
		return err
	}
	e, err := next.encode()
	if err != nil {
		return err
	}
	if err := errors.Join(f.addBlob(e.config), f.addBlob(e.manifest)); err != nil {
		return err
	}
	desc := ocispecs.Descriptor{MediaType: e.mediaType, Digest: digest.FromBytes(e.manifest), Size: int64(len(e.manifest))}
	if err := layout.Put(ctx, f.dir, desc, ociindex.Tag(f.tag)); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	return nil
}

func (f folder) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	return filepath.Join(f.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), nil
}

func (f folder) blob(d digest.Digest) ([]byte, error) {
	path, err := f.path(d)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (f folder) addBlob(data []byte) error {
	path, err := f.path(digest.FromBytes(data))
	if err != nil {
		return err
	}
	return output.WriteFile(path, data, 0o644)
}
