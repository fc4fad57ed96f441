package bundle

import (
	"fmt"
	"maps"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/ocilayout"
)

// Reach lists the blobs of a bundle that its entries need: of an image, those of the
// platforms for which it is there. It reads manifests, and does not look whether
// other blobs are there.
func (b *Bundle) Reach() (map[digest.Digest]ocispecs.Descriptor, error) {
	out := map[digest.Digest]ocispecs.Descriptor{}
	read := func(d ocispecs.Descriptor) ([]byte, error) { return b.Blob(d.Digest.String()) }
	for _, e := range b.Entries {
		if len(e.Platforms) == 0 {
			blobs, err := ocilayout.Reach(e.Image, func(d digest.Digest) ([]byte, error) { return b.Blob(d.String()) })
			if err != nil {
				return nil, err
			}
			maps.Copy(out, blobs)
		}
		for _, p := range e.Platforms {
			blobs, err := Closure(e.Image, p, read)
			if err != nil {
				return nil, err
			}
			for _, d := range blobs {
				out[d.Digest] = d
			}
		}
	}
	for d := range out {
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("the blob %q: %w", d, err)
		}
	}
	return out, nil
}
