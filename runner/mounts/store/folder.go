package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/layout"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner/lane"
)

type inFolder struct{ dir, tag string }

// Folder is a place in an OCI layout.
func Folder(dir, tag string) Store { return inFolder{dir, tag} }

func (f inFolder) Load(ctx context.Context) (*Entry, error) {
	d, err := lane.FolderDigest(ctx, f.dir, f.tag)
	if err != nil || d == "" {
		return nil, err
	}
	data, err := os.ReadFile(f.path(d))
	if err != nil {
		return nil, err
	}
	if d.Algorithm().FromBytes(data) != d {
		return nil, fmt.Errorf("the manifest %s is damaged", d)
	}
	return decode(data)
}

func (f inFolder) Open(_ context.Context, e *Entry) (io.ReadCloser, error) {
	file, err := os.Open(f.path(e.Layer.Digest))
	if err != nil {
		return nil, err
	}
	return verify(file, e.Layer), nil
}

func (f inFolder) Save(ctx context.Context, e *Entry, archive io.ReaderAt) error {
	manifest, config, err := encode(e)
	if err != nil {
		return err
	}
	release, err := lane.HoldFolder(ctx, f.dir, false)
	if err != nil {
		return err
	}
	defer release()
	if err := f.addLayer(e.Layer, archive); err != nil {
		return err
	}
	for _, data := range [][]byte{config, manifest} {
		if err := output.WriteFile(f.path(digest.FromBytes(data)), data, 0o644); err != nil {
			return err
		}
	}
	desc := ocispecs.Descriptor{
		MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: artifactType,
		Digest: digest.FromBytes(manifest), Size: int64(len(manifest)),
	}
	return layout.Put(ctx, f.dir, desc, ociindex.Tag(f.tag))
}

// addLayer writes a layer, unless it is there.
func (f inFolder) addLayer(layer ocispecs.Descriptor, archive io.ReaderAt) error {
	path := f.path(layer.Digest)
	if info, err := os.Stat(path); err == nil && info.Size() == layer.Size {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := output.Create(path, 0o644)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := io.Copy(file, section(archive, layer.Size)); err != nil {
		return err
	}
	return file.Commit()
}

func (f inFolder) path(d digest.Digest) string {
	return filepath.Join(f.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), filepath.Base(d.Encoded()))
}
