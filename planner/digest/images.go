package digest

import (
	"context"
	"encoding/json"
	"sync"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/imageconfig"
)

// Images says what images are.
type Images interface {
	// Image returns what a reference means on a platform now. The error is
	// imageconfig.ErrUnknown if that is not known and nobody is to be asked.
	Image(ctx context.Context, ref, platform string) (Image, error)
}

// Image is what the name of an image means.
type Image = imageconfig.Image

// asking asks for each image once, however many targets use it.
type asking struct {
	images Images // nil knows none

	mu      sync.Mutex
	answers map[[2]string]*answer
}

type answer struct {
	once sync.Once
	Image
	err error
}

func (a *asking) ask(ctx context.Context, ref, platform string) (Image, error) {
	if a.images == nil {
		return Image{}, imageconfig.ErrUnknown
	}
	key := [2]string{ref, platform}
	a.mu.Lock()
	one := a.answers[key]
	if one == nil {
		one = &answer{}
		a.answers[key] = one
	}
	a.mu.Unlock()
	one.once.Do(func() { one.Image, one.err = a.images.Image(ctx, ref, platform) })
	return one.Image, one.err
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
