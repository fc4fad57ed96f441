// Package layout changes the index of an OCI image layout, which is a folder
// with images, so that whoever reads it sees the old one or the new one.
// BuildKit's client writes it in place, where a full disk leaves half of it. The
// package knows nothing of the content that the index points to.
package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/client/ociindex"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/filelock"
	"github.com/orch-build/orch/internal/output"
)

// Put enters an image into the index of the layout in dir, under names or tags;
// an older one of a name is taken out.
func Put(ctx context.Context, dir string, desc ocispecs.Descriptor, names ...ociindex.NameOrTag) error {
	release, err := hold(ctx, dir)
	if err != nil {
		return err
	}
	defer release()
	next, err := output.CreateFolder(dir)
	if err != nil {
		return err
	}
	defer next.Discard()
	index := filepath.Join(next.Path(), ocispecs.ImageIndexFile)
	old, err := os.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("reading the index of %s: %w", dir, err)
	default:
		if err := output.WriteFile(index, old, 0o644); err != nil {
			return err
		}
	}
	if err := ociindex.NewStoreIndex(next.Path()).Put(desc, names...); err != nil {
		return fmt.Errorf("changing the index of %s: %w", dir, err)
	}
	return next.Commit()
}

// hold keeps others from changing the index, by the lock that BuildKit's client
// has for it.
func hold(ctx context.Context, dir string) (release func(), err error) {
	release, err = filelock.Hold(ctx, filepath.Join(dir, ocispecs.ImageIndexFile+".lock"))
	if err != nil {
		return nil, fmt.Errorf("waiting for another run to write the index of %s: %w", dir, err)
	}
	return release, nil
}

// Keep remembers the index of a layout, and returns a function that puts it
// back if it is not whole any more: for while someone else writes it in place.
func Keep(dir string) (restore func()) {
	files := map[string][]byte{}
	for _, name := range []string{ocispecs.ImageIndexFile, ocispecs.ImageLayoutFile} {
		path := filepath.Join(dir, name)
		if data, err := os.ReadFile(path); err == nil && json.Valid(data) {
			files[path] = data
		}
	}
	return func() {
		for path, data := range files {
			if now, err := os.ReadFile(path); err == nil && !json.Valid(now) {
				// If even this fails, the next run finds no cache there.
				_ = output.WriteFile(path, data, 0o644)
			}
		}
	}
}
