package artifact

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/regular"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/bundle/folder"
)

// Push sends the bundle in a folder to a tag.
func Push(ctx context.Context, client *registry.Client, dir, name string) (out Moved, err error) {
	ref, err := parse(name)
	if err != nil {
		return out, err
	}
	if _, err := digest.Parse(ref.Tag); err == nil {
		return out, usage.Errorf("%s: a bundle is pushed to a tag, and not to a digest", name)
	}
	b, err := bundle.Open(dir)
	if err != nil {
		return out, usage.Wrap(err)
	}
	index, err := regular.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile), bundle.MaxIndex)
	if err != nil {
		return out, err
	}
	held, err := regular.ReadFile(bundle.Lock(dir), lock.MaxSize)
	if err != nil {
		return out, usage.Errorf("reading the lock of the bundle %s: %w", dir, err)
	}
	if _, diags := lock.Parse(bundle.Lock(dir), held); diags.HasErrors() {
		return out, diags
	}
	blobs, err := b.Reach()
	if err != nil {
		return out, notWhole(dir, err)
	}
	s := &sender{client: client, dir: dir, to: ref.Repo, from: origins(b, ref.Repo)}
	if err := s.send(ctx, blobs); err != nil {
		return out, err
	}
	for _, data := range [][]byte{index, held} {
		if err := client.PutBlob(ctx, ref.Repo, data); err != nil {
			return out, err
		}
	}
	manifest, err := manifestOf(index, held, blobs)
	if err != nil {
		return out, err
	}
	if err := client.Put(ctx, ref, &registry.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: manifest}); err != nil {
		return out, err
	}
	return Moved{
		Dir: dir, Ref: full(ref), Digest: digest.FromBytes(manifest).String(),
		Entries: len(b.Entries), Blobs: len(blobs), Moved: s.moved, Bytes: s.bytes,
	}, nil
}

func notWhole(dir string, err error) error {
	return fmt.Errorf("the bundle %s is not whole: %w. %s fetches it again", dir, err, bundle.Mend(dir))
}

// parse reads the name of an artifact.
func parse(name string) (registry.Ref, error) {
	ref, err := registry.Parse(name)
	if err != nil {
		return ref, usage.Wrap(err)
	}
	return ref, nil
}

// full is the name of an artifact in full.
func full(ref registry.Ref) string {
	if _, err := digest.Parse(ref.Tag); err == nil {
		return ref.Repo.String() + "@" + ref.Tag
	}
	return ref.Repo.String() + ":" + ref.Tag
}

// origins are other repositories of the registry that have blobs of a bundle: those
// that its images come from.
func origins(b *bundle.Bundle, to registry.Repo) map[digest.Digest]registry.Repo {
	out := map[digest.Digest]registry.Repo{}
	for _, e := range b.Entries {
		if e.Kind != lock.Image && e.Kind != lock.Frontend {
			continue
		}
		plain, _ := lock.SplitDigest(e.Name)
		ref, err := registry.Parse(plain)
		if err != nil || ref.Domain != to.Domain || ref.Path == to.Path {
			continue
		}
		one := &bundle.Bundle{Dir: b.Dir, Entries: []*bundle.Entry{e}}
		blobs, err := one.Reach()
		if err != nil {
			continue
		}
		for d := range blobs {
			out[d] = ref.Repo
		}
	}
	return out
}

type sender struct {
	client *registry.Client
	dir    string
	to     registry.Repo
	from   map[digest.Digest]registry.Repo

	mu    sync.Mutex
	moved int
	bytes int64
}

// send sees to it that the registry has all blobs.
func (s *sender) send(ctx context.Context, blobs map[digest.Digest]ocispecs.Descriptor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, d := range blobs {
		group.Go(func() error { return s.blob(ctx, d) })
	}
	return group.Wait()
}

func (s *sender) blob(ctx context.Context, d ocispecs.Descriptor) error {
	if err := folder.Whole(s.dir, d); err != nil {
		return notWhole(s.dir, err)
	}
	sent := false
	open := func() (io.ReadCloser, error) {
		sent = true
		return os.Open(bundle.Path(s.dir, d.Digest))
	}
	if err := s.client.UploadOrMount(ctx, s.from[d.Digest], s.to, d.Digest, d.Size, open); err != nil {
		return fmt.Errorf("sending %s: %w", d.Digest, err)
	}
	if sent {
		s.mu.Lock()
		s.moved++
		s.bytes += d.Size
		s.mu.Unlock()
	}
	return nil
}
