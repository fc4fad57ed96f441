package outputs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images/archive"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/output"
)

// Joined is an image that is made of layouts in folders.
type Joined struct {
	store content.Store
	desc  ocispecs.Descriptor
	names []string
}

// Join puts layouts together in the first of their folders. compose makes the
// index of the whole out of theirs; names are what the image is called.
func Join(ctx context.Context, dirs []string, names []string, compose func([]*ocispecs.Index) (*ocispecs.Descriptor, []byte, error)) (*Joined, error) {
	store, err := contentlocal.NewStore(dirs[0])
	if err != nil {
		return nil, fmt.Errorf("opening a layout: %w", err)
	}
	var indexes []*ocispecs.Index
	for i, dir := range dirs {
		index, err := layoutIndex(dir)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, index)
		if i > 0 {
			if err := add(ctx, store, dir); err != nil {
				return nil, fmt.Errorf("putting layouts together: %w", err)
			}
		}
	}
	desc, data, err := compose(indexes)
	if err != nil {
		return nil, err
	}
	blob := filepath.Join(dirs[0], "blobs", desc.Digest.Algorithm().String(), desc.Digest.Encoded())
	if err := output.WriteFile(blob, data, 0o644); err != nil {
		return nil, fmt.Errorf("writing an index: %w", err)
	}
	j := &Joined{store: store, desc: *desc}
	for _, name := range names {
		ref, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, fmt.Errorf("name of an image %q: %w", name, err)
		}
		j.names = append(j.names, reference.TagNameOnly(ref).String())
	}
	return j, nil
}

// layoutIndex reads the index of the image that a layout holds.
func layoutIndex(dir string) (*ocispecs.Index, error) {
	var top, index ocispecs.Index
	if err := readJSON(filepath.Join(dir, "index.json"), &top); err != nil {
		return nil, err
	}
	if len(top.Manifests) == 0 {
		return nil, errors.New("reading a layout: it has no image")
	}
	d := top.Manifests[0].Digest
	for _, m := range top.Manifests {
		if m.Digest != d { // an image is there once for each of its names
			return nil, errors.New("reading a layout: it has several images")
		}
	}
	if err := readJSON(filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()), &index); err != nil {
		return nil, err
	}
	if index.MediaType == "" || len(index.Manifests) == 0 {
		return nil, errors.New("reading a layout: its image is not an index")
	}
	return &index, nil
}

// add copies what a layout holds into a store.
func add(ctx context.Context, to content.Store, dir string) error {
	from, err := contentlocal.NewStore(dir)
	if err != nil {
		return err
	}
	return copyAll(ctx, from, to)
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a layout: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading a layout: %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Write writes the archive of the image.
func (j *Joined) Write(ctx context.Context, w io.Writer) error {
	return archive.Export(ctx, j.store, w, archive.WithManifest(j.desc, j.names...))
}

// Add enters an image that is put together, in place of an earlier one of the
// target.
func (l *Loads) Add(ctx context.Context, target, engine string, j *Joined) error {
	if err := copyAll(ctx, j.store, l.store); err != nil {
		return err
	}
	l.enter(loadImage{engine: engine, target: target, desc: j.desc, names: j.names})
	return nil
}

// copyAll copies what a store has into another one.
func copyAll(ctx context.Context, from, to content.Store) error {
	return from.Walk(ctx, func(info content.Info) error {
		r, err := from.ReaderAt(ctx, ocispecs.Descriptor{Digest: info.Digest, Size: info.Size})
		if err != nil {
			return err
		}
		defer r.Close()
		return content.WriteBlob(ctx, to, "join-"+info.Digest.String(), content.NewReader(r), ocispecs.Descriptor{Digest: info.Digest, Size: info.Size})
	})
}
