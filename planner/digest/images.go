package digest

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/imageconfig"
)

// Images says what images are.
type Images interface {
	// Image returns what a reference means on a platform now. The error is
	// imageconfig.ErrUnknown if that is not known and nobody is to be asked.
	Image(ctx context.Context, ref string, platform ocispecs.Platform) (Image, error)
}

// lockedImages are Images that read configurations of what is locked even where
// nobody is to be asked what a tag means: what a digest means never changes.
type lockedImages interface {
	Locked(ctx context.Context, ref, digest string, platform ocispecs.Platform) (Image, error)
}

// Image is what the name of an image means.
type Image = imageconfig.Image

// asking asks for each image once, however many targets use it.
type asking struct {
	images Images // nil knows none
	lock   *lock.Lock

	mu      sync.Mutex
	answers map[[2]string]*answer
}

type answer struct {
	once sync.Once
	Image
	err error
}

func (a *asking) ask(ctx context.Context, ref string, platform ocispecs.Platform) (Image, error) {
	locked := a.lock.ImageDigest(ref)
	if a.images == nil {
		if locked != "" {
			return Image{Digest: locked}, nil
		}
		return Image{}, imageconfig.ErrUnknown
	}
	key := [2]string{ref, platforms.FormatAll(platform)}
	a.mu.Lock()
	one := a.answers[key]
	if one == nil {
		one = &answer{}
		a.answers[key] = one
	}
	a.mu.Unlock()
	one.once.Do(func() {
		if locked == "" {
			one.Image, one.err = a.images.Image(ctx, ref, platform)
			return
		}
		one.Image, one.err = a.locked(ctx, ref, locked, platform)
		one.Image.Digest = locked
	})
	return one.Image, one.err
}

// locked asks for an image by the digest that the lock has for it.
func (a *asking) locked(ctx context.Context, ref, dgst string, platform ocispecs.Platform) (Image, error) {
	if images, ok := a.images.(lockedImages); ok {
		return images.Locked(ctx, ref, dgst, platform)
	}
	plain, _ := lock.SplitDigest(ref)
	return a.images.Image(ctx, plain+"@"+dgst, platform)
}

// anyConfig stands for the configuration of an image that is not known. It is
// of an image that is not empty.
func anyConfig(p ocispecs.Platform) []byte {
	img := ocispecs.Image{Platform: p, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: nil}}
	img.RootFS.DiffIDs = append(img.RootFS.DiffIDs, "sha256:00")
	data, err := json.Marshal(img)
	if err != nil {
		panic(err) // it holds nothing that cannot be written
	}
	return data
}
