package bundle

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/imageconfig"
)

var errPlatform = errors.New("another platform")

// Closure lists what an image consists of, itself first: of an index, the part for
// a platform. read reads manifests and indexes.
func Closure(image ocispecs.Descriptor, platform string, read func(ocispecs.Descriptor) ([]byte, error)) ([]ocispecs.Descriptor, error) {
	out := []ocispecs.Descriptor{image}
	const depth = 3
	for range depth {
		data, err := read(image)
		if err != nil {
			return nil, err
		}
		var m struct {
			Config    *ocispecs.Descriptor
			Layers    []ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("reading the manifest %s: %w", image.Digest, err)
		}
		if m.Config != nil {
			out = append(append(out, *m.Config), m.Layers...)
			return out, valid(out)
		}
		p := platforms.DefaultSpec()
		if platform != "" {
			if p, err = config.ParsePlatform(platform); err != nil {
				return nil, err
			}
		}
		found, err := imageconfig.Manifest(data, "", p)
		if errors.Is(err, imageconfig.ErrPlatform) {
			return nil, fmt.Errorf("%w: %w", errPlatform, err)
		}
		if err != nil {
			return nil, err
		}
		image = descriptorOf(m.Manifests, digest.Digest(found))
		out = append(out, image)
	}
	return nil, fmt.Errorf("reading the manifest %s: indexes in indexes", image.Digest)
}

// valid refuses digests that could not be a blob's.
func valid(list []ocispecs.Descriptor) error {
	for _, d := range list {
		if err := d.Digest.Validate(); err != nil {
			return fmt.Errorf("reading a manifest: the blob %q: %w", d.Digest, err)
		}
	}
	return nil
}

func descriptorOf(list []ocispecs.Descriptor, d digest.Digest) ocispecs.Descriptor {
	for _, one := range list {
		if one.Digest == d {
			return ocispecs.Descriptor{MediaType: one.MediaType, Digest: one.Digest, Size: one.Size}
		}
	}
	return ocispecs.Descriptor{Digest: d}
}
