// Package folder writes the folder of a bundle: blobs under their digests, and at the
// end the lock and the index. What is written is verified, and what is there whole is
// left alone, so that work which was interrupted continues where it was.
//
// It does not know where blobs come from.
package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/bundle"
)

// Folder is a bundle that is being written. Blobs may be written by many at once.
type Folder struct {
	Dir string
	// Old is the bundle that was there.
	Old *bundle.Bundle

	mu      sync.Mutex
	written Written
}

// Written counts what was written.
type Written struct {
	Blobs int
	Bytes int64
}

// Begin opens the bundle that is there, or makes a folder.
func Begin(dir string) (*Folder, error) {
	f := &Folder{Dir: dir, Old: &bundle.Bundle{Dir: dir}}
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, usage.Wrap(err)
	}
	old, err := bundle.Open(dir)
	switch {
	case err == nil && hasName(names, lock.FileName) && hasName(names, ocispecs.ImageBlobsDir):
		f.Old = old
	case len(names) > 0 && (err == nil || errors.Is(err, bundle.ErrNone) || !unfinished(names)):
		return nil, usage.Errorf("%s is there and no bundle: name another folder with -o", dir)
	}
	return f, os.MkdirAll(filepath.Join(dir, ocispecs.ImageBlobsDir, digest.SHA256.String()), 0o755)
}

// unfinished says whether a folder can be a bundle whose writing was interrupted, or
// whose index is damaged: it has blobs, and nothing that is not of a bundle.
func unfinished(names []fs.DirEntry) bool {
	known := []string{ocispecs.ImageBlobsDir, lock.FileName, ocispecs.ImageLayoutFile, ocispecs.ImageIndexFile}
	return hasName(names, ocispecs.ImageBlobsDir) && !slices.ContainsFunc(names, func(n fs.DirEntry) bool { return !slices.Contains(known, n.Name()) })
}

func hasName(names []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(names, func(n fs.DirEntry) bool { return n.Name() == name })
}

// Written says what was written up to now.
func (f *Folder) Written() Written {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written
}

// Has says whether a blob is there, whole.
func (f *Folder) Has(d ocispecs.Descriptor) bool { return Whole(f.Dir, d) == nil }

// Whole holds a blob of a bundle against its digest and its size.
func Whole(dir string, d ocispecs.Descriptor) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("the blob %q: %w", d.Digest, err)
	}
	file, err := os.Open(bundle.Path(dir, d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there", d.Digest)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	verifier := d.Digest.Verifier()
	n, err := io.Copy(verifier, file)
	switch {
	case err != nil:
		return err
	case n != d.Size:
		return fmt.Errorf("%s has %d of %s", d.Digest, n, termtext.Count(int(d.Size), "byte"))
	case !verifier.Verified():
		return fmt.Errorf("%s has other content", d.Digest)
	}
	return nil
}

// Write stores a blob under its digest, if it has that.
func (f *Folder) Write(d digest.Digest, size int64, from io.Reader) error {
	if err := d.Validate(); err != nil {
		return err
	}
	file, err := output.Create(bundle.Path(f.Dir, d), 0o644)
	if err != nil {
		return err
	}
	defer file.Discard()
	verifier := d.Verifier()
	n, err := io.Copy(io.MultiWriter(file, verifier), io.LimitReader(from, size+1))
	if err != nil {
		return fmt.Errorf("fetching %s: %w", d, err)
	}
	if n != size || !verifier.Verified() {
		return fmt.Errorf("what is there for %s is something else, of %s", d, termtext.Count(int(n), "byte"))
	}
	f.mu.Lock()
	f.written.Blobs++
	f.written.Bytes += n
	f.mu.Unlock()
	return file.Commit()
}

// Finish writes the lock and the index, and removes what no entry needs any more.
func (f *Folder) Finish(entries []*bundle.Entry, held *lock.Lock) (removed int, err error) {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{}}
	for _, e := range entries {
		index.Manifests = append(index.Manifests, e.Descriptor())
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return 0, err
	}
	return f.FinishTexts(append(text, '\n'), held.Bytes())
}

// FinishTexts is Finish with the texts of the two files.
func (f *Folder) FinishTexts(index, held []byte) (removed int, err error) {
	for _, file := range []struct {
		name string
		data []byte
	}{
		{lock.FileName, held}, {ocispecs.ImageLayoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {ocispecs.ImageIndexFile, index},
	} {
		if err := output.WriteFile(filepath.Join(f.Dir, file.name), file.data, 0o644); err != nil {
			return 0, err
		}
	}
	b, err := bundle.Open(f.Dir)
	if err != nil {
		return 0, err
	}
	return f.sweep(b)
}

// sweep removes blobs that no entry needs.
func (f *Folder) sweep(b *bundle.Bundle) (removed int, err error) {
	reached, err := b.Reach()
	if err != nil {
		return 0, err
	}
	needed := map[string]bool{}
	for d := range reached {
		needed[d.Encoded()] = true
	}
	dir := filepath.Join(f.Dir, ocispecs.ImageBlobsDir, digest.SHA256.String())
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		if needed[file.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, file.Name())); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
