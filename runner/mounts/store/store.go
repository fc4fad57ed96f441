// Package store keeps the content of cache mounts, each under a name in the
// place where the build cache is: a tag of a repository, or of a folder that is
// an OCI layout. What is kept is an image manifest with one layer, so that
// registries and their tools treat it as any other.
//
// A tag points to a manifest whose layer is there already: a reader finds the
// old content or the new one, and of two writers at once the later one's stays.
// What is read is verified while it is read; whoever reads it must not use it
// before the end was reached without an error.
//
// The package knows nothing of builders, and not what is in a layer.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/runner/mounts/pack"
)

// The media types of what is kept.
const (
	artifactType = "application/vnd.orch.mount.v1"
	entryType    = "application/vnd.orch.mount.config.v1+json"
	version      = 1
)

// Entry says what is kept of a mount.
type Entry struct {
	Version  int    `json:"version"`
	ID       string `json:"id"`
	Platform string `json:"platform"`
	// Bytes is the size of the files, and Files their number.
	Bytes int64     `json:"bytes"`
	Files int       `json:"files"`
	Sums  pack.Sums `json:"sums"`
	// Begun is when the mount was empty, and Saved when this was written.
	Begun time.Time `json:"begun"`
	Saved time.Time `json:"saved"`

	// Layer is the archive.
	Layer ocispecs.Descriptor `json:"-"`
}

// Store is the place of one mount.
type Store interface {
	// Load returns what is kept, or nil.
	Load(ctx context.Context) (*Entry, error)
	// Open reads the archive of an entry.
	Open(ctx context.Context, e *Entry) (io.ReadCloser, error)
	// Save keeps an entry with its archive.
	Save(ctx context.Context, e *Entry, archive io.ReaderAt) error
}

// Name is the part of a tag that stands for a mount: its ID, the namespace of
// IDs, the platform of the steps, and what it begins with.
func Name(id, platform, base string) string {
	h := sha256.New()
	for _, s := range []string{id, platform, base} {
		fmt.Fprintf(h, "%d %s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// encode makes the manifest of an entry, and its config.
func encode(e *Entry) (manifest, config []byte, err error) {
	e.Version = version
	if config, err = json.Marshal(e); err != nil {
		return nil, nil, err
	}
	manifest, err = json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: ocispecs.Descriptor{MediaType: entryType, Digest: digest.FromBytes(config), Size: int64(len(config)), Data: config},
		Layers: []ocispecs.Descriptor{e.Layer},
	})
	return manifest, config, err
}

// decode reads a manifest. The config is in it, so that it takes one request.
func decode(data []byte) (*Entry, error) {
	var m ocispecs.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.ArtifactType != artifactType || len(m.Layers) != 1 || digest.FromBytes(m.Config.Data) != m.Config.Digest {
		return nil, errors.New("this is not a saved cache mount")
	}
	e := &Entry{Layer: m.Layers[0]}
	if err := json.Unmarshal(m.Config.Data, e); err != nil {
		return nil, fmt.Errorf("reading what is kept of a cache mount: %w", err)
	}
	if e.Version != version {
		return nil, fmt.Errorf("it was written by a newer orch, in version %d of the format", e.Version)
	}
	if e.Layer.Size <= 0 || e.Layer.Digest.Validate() != nil {
		return nil, errors.New("the layer of a saved cache mount has no size or digest")
	}
	return e, nil
}

// section is an archive from its beginning.
func section(archive io.ReaderAt, size int64) io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(archive, 0, size))
}

// verified reads a layer, and ends with an error if it is not what its
// descriptor says.
type verified struct {
	io.ReadCloser
	layer  ocispecs.Descriptor
	check  digest.Verifier
	missed int64
}

func verify(r io.ReadCloser, layer ocispecs.Descriptor) io.ReadCloser {
	return &verified{ReadCloser: r, layer: layer, check: layer.Digest.Verifier(), missed: layer.Size}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	_, _ = v.check.Write(p[:n])
	v.missed -= int64(n)
	if err == io.EOF && (v.missed != 0 || !v.check.Verified()) {
		return n, fmt.Errorf("the layer %s is truncated or damaged", v.layer.Digest)
	}
	return n, err
}
