package lane

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// lookTime is how long it may take to look where a tag points. Where that
	// cannot be seen, a cache is written as BuildKit writes it.
	lookTime = 3 * time.Second
	// lookEvery is the time between two looks while a cache is written.
	lookEvery = 500 * time.Millisecond
)

// Watch knows what a run has found in one cache, and notices what others write
// there while the run goes on.
type Watch struct {
	store store
	lock  string
	// alone says that nobody writes without the lock.
	alone bool

	found sync.WaitGroup
	first digest.Digest
	err   error
}

// WatchRegistry begins to watch a cache in a registry. locks is a folder for
// the lock by which the runs on one machine wait for each other; "" is none.
func WatchRegistry(ctx context.Context, ref string, insecure bool, locks string) (*Watch, error) {
	s, err := newRegistry(ref, insecure)
	if err != nil {
		return nil, err
	}
	lock := ""
	if locks != "" {
		sum := sha256.Sum256([]byte(s.tag.Name()))
		lock = filepath.Join(locks, "cache-"+hex.EncodeToString(sum[:8])+".lock")
	}
	w := &Watch{store: s, lock: lock}
	w.found.Add(1)
	go func() {
		defer w.found.Done()
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		w.first, w.err = s.head(ctx)
	}()
	return w, nil
}

// WatchFolder begins to watch a cache in a folder.
func WatchFolder(ctx context.Context, dir, tag string) *Watch {
	w := &Watch{store: folder{dir, tag}, lock: filepath.Join(dir, lockName), alone: true}
	w.first, w.err = FolderDigest(ctx, dir, tag)
	return w
}

// lockName is the file in a folder by which those that use it wait for each
// other: BuildKit's client does not wait, but fails.
const lockName = "orch.lock"

// FolderDigest is the manifest of the cache in a folder, or "" if there is
// none.
func FolderDigest(ctx context.Context, dir, tag string) (digest.Digest, error) {
	if _, err := os.Stat(dir); err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return "", err
	}
	w := &Watch{store: folder{dir, tag}, lock: filepath.Join(dir, lockName)}
	unlock, err := w.locked(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return w.store.head(ctx)
}

// Write calls write, which replaces the cache and returns the digest of its new
// manifest, or "" if it wrote none. What others have written since the watch
// began is put back beside it. Runs on one machine write one after the other;
// one elsewhere may still write in the moment between the last look and the
// end of write.
func (w *Watch) Write(ctx context.Context, write func() (manifest string, err error)) error {
	unlock, err := w.locked(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	w.found.Wait()
	if w.err != nil {
		_, err := write()
		return err
	}
	looked := w.lookOn(ctx)
	ours, err := write()
	others := looked()
	if err != nil || ours == "" {
		return err
	}
	for _, theirs := range others {
		if theirs == "" || theirs == w.first || theirs == digest.Digest(ours) {
			continue
		}
		merged, err := w.merge(ctx, digest.Digest(ours), theirs)
		if err != nil {
			return fmt.Errorf("keeping what another run has written: %w", err)
		}
		ours = merged.String()
	}
	return nil
}

// locked waits for the runs on this machine that write the same cache. Where
// there can be no lock, it goes without.
func (w *Watch) locked(ctx context.Context) (unlock func(), err error) {
	none := func() {}
	if w.lock == "" || os.MkdirAll(filepath.Dir(w.lock), 0o755) != nil {
		return none, nil
	}
	l := flock.New(w.lock)
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for another run to write the cache: %w", err)
	}
	return func() { _ = l.Unlock() }, nil
}

// lookOn looks where the tag points, at once and then again and again, until
// the returned function is called, which lists what was seen.
func (w *Watch) lookOn(ctx context.Context) (seen func() []digest.Digest) {
	var all []digest.Digest
	look := func() {
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		if d, err := w.store.head(ctx); err == nil && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	look()
	if w.alone {
		return func() []digest.Digest { return all }
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(lookEvery):
				look()
			}
		}
	}()
	return func() []digest.Digest {
		close(stop)
		<-ended
		return all
	}
}

// merge points the tag at a cache that has all of two.
func (w *Watch) merge(ctx context.Context, ours, theirs digest.Digest) (digest.Digest, error) {
	a, aConfig, err := w.read(ctx, ours)
	if err != nil {
		return "", err
	}
	b, bConfig, err := w.read(ctx, theirs)
	if err != nil {
		return "", err
	}
	both, err := mergeConfigs(aConfig, bConfig)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(both)
	if err != nil {
		return "", err
	}
	if err := w.store.addBlob(ctx, data); err != nil {
		return "", err
	}
	config := ocispecs.Descriptor{MediaType: types.CacheConfigMediaTypeV0, Digest: digest.FromBytes(data), Size: int64(len(data))}
	out, err := a.encode(mergeLayers(a.layers, b.layers), config)
	if err != nil {
		return "", err
	}
	var head struct{ MediaType string }
	if err := json.Unmarshal(out, &head); err != nil {
		return "", err
	}
	return digest.FromBytes(out), w.store.point(ctx, out, head.MediaType)
}

func (w *Watch) read(ctx context.Context, d digest.Digest) (*manifest, types.CacheConfig, error) {
	var config types.CacheConfig
	data, err := w.store.manifest(ctx, d)
	if err != nil {
		return nil, config, err
	}
	m, err := readManifest(data)
	if err != nil {
		return nil, config, fmt.Errorf("reading the manifest %s: %w", d, err)
	}
	if data, err = w.store.blob(ctx, m.config.Digest); err != nil {
		return nil, config, err
	}
	return m, config, json.Unmarshal(data, &config)
}
