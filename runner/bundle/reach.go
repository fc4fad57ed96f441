package bundle

import (
	"encoding/json"
	"fmt"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Reach lists the blobs of a bundle that its entries need: of an image, those of the
// platforms for which it is there. It reads manifests, and does not look whether
// other blobs are there.
func (b *Bundle) Reach() (map[digest.Digest]ocispecs.Descriptor, error) {
	out := map[digest.Digest]ocispecs.Descriptor{}
	read := func(d ocispecs.Descriptor) ([]byte, error) { return b.Blob(d.Digest.String()) }
	for _, e := range b.Entries {
		if len(e.Platforms) == 0 {
			if err := b.reachAll(e.Image, out); err != nil {
				return nil, err
			}
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

// reachAll lists what of an image is in a bundle, for all platforms.
func (b *Bundle) reachAll(top ocispecs.Descriptor, out map[digest.Digest]ocispecs.Descriptor) error {
	next := []ocispecs.Descriptor{top}
	for len(next) > 0 {
		d := next[0]
		next = next[1:]
		data, err := b.Blob(d.Digest.String())
		if err != nil && d.Digest == top.Digest {
			return err
		}
		if _, known := out[d.Digest]; known || err != nil {
			continue // one that is not there is for a platform that is not taken
		}
		out[d.Digest] = d
		var m struct {
			Config    *ocispecs.Descriptor
			Layers    []ocispecs.Descriptor
			Manifests []ocispecs.Descriptor
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("reading the manifest %s: %w", d.Digest, err)
		}
		if m.Config != nil {
			out[m.Config.Digest] = *m.Config
		}
		for _, l := range m.Layers {
			out[l.Digest] = l
		}
		next = append(next, m.Manifests...)
	}
	return nil
}
