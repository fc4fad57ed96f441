// Package artifact keeps bundles in registries: each is one artifact under a tag, a
// manifest whose layers are the blobs of the bundle, and whose config is its index.
// The same bundle is the same artifact. Both ways, only what is missing is moved, and
// all of it is verified; what was interrupted continues where it was.
//
// It does not know what is in a bundle, nor how one is made or used.
package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
)

// The media types of a bundle. Blobs have one that says nothing of them, since
// registries look for the parts of an image index in the repository.
const (
	artifactType = "application/vnd.orch.bundle.v1"
	indexType    = "application/vnd.orch.bundle.index.v1+json"
	lockType     = "application/vnd.orch.lock.v1+hcl"
	blobType     = "application/vnd.orch.bundle.blob.v1"
)

// atOnce is how many blobs are moved at the same time.
const atOnce = 4

// Moved says what was done with a bundle.
type Moved struct {
	Dir string `json:"bundle"`
	// Ref is the name of the artifact, and Digest what it points to.
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
	// Entries counts images, repositories and files, and Blobs what they consist of.
	Entries int `json:"entries"`
	Blobs   int `json:"blobs"`
	// Moved counts the blobs that had to be sent or fetched, and Bytes what they have.
	// What a registry could take over from another repository has none.
	Moved int   `json:"moved"`
	Bytes int64 `json:"bytes"`
	// Removed counts the blobs that were in the folder and are not in the bundle.
	Removed int `json:"removed"`
}

// manifestOf is the manifest of a bundle.
func manifestOf(index, held []byte, blobs map[digest.Digest]ocispecs.Descriptor) ([]byte, error) {
	m := ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: descriptor(indexType, index),
	}
	text := descriptor(lockType, held)
	text.Annotations = map[string]string{ocispecs.AnnotationTitle: lock.FileName}
	m.Layers = append(m.Layers, text)
	for _, d := range slices.Sorted(maps.Keys(blobs)) {
		m.Layers = append(m.Layers, ocispecs.Descriptor{MediaType: blobType, Digest: d, Size: blobs[d].Size})
	}
	return json.Marshal(m)
}

func descriptor(mediaType string, data []byte) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// contents are the parts of an artifact.
type contents struct {
	index, lock ocispecs.Descriptor
	blobs       []ocispecs.Descriptor
}

// read takes a manifest apart.
func read(data []byte) (*contents, error) {
	var m ocispecs.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.ArtifactType != artifactType {
		return nil, errors.New("it is not a bundle: orch bundle push writes one")
	}
	c := &contents{index: m.Config}
	for _, d := range append([]ocispecs.Descriptor{m.Config}, m.Layers...) {
		if err := d.Digest.Validate(); err != nil || d.Digest.Algorithm() != digest.SHA256 || d.Size < 0 {
			return nil, fmt.Errorf("its manifest names the blob %q, which has no usable digest or size", d.Digest)
		}
	}
	for _, d := range m.Layers {
		switch d.MediaType {
		case blobType:
			c.blobs = append(c.blobs, d)
		case lockType:
			c.lock = d
		default:
			return nil, fmt.Errorf("its manifest has a layer of type %q: a newer orch may have written it", d.MediaType)
		}
	}
	if c.lock.Digest == "" {
		return nil, errors.New("there is no lock in it")
	}
	return c, nil
}
