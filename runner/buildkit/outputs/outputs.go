// Package outputs writes what a build puts on this machine: files, folders and
// OCI layouts, aside at first and in their place when the export is complete. It
// does not know what is written, nor who writes it.
package outputs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client/ociindex"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/layout"
	"github.com/orch-build/orch/internal/output"
)

// Files are the outputs of one export that go to this machine. Everything is
// written aside and put in its place when the export is complete, so that an
// output that is there is whole, and an old one stays until then.
type Files struct {
	// Places are where the names of outputs led when the run began.
	Places Places

	mu      sync.Mutex
	files   []*output.File
	folders []folderOutput
	layouts []string
	// err is the first error of writing on this side: the builder only says
	// that its stream was cut off.
	err error
}

// folderOutput is a folder that is being written.
type folderOutput struct {
	*output.Folder
	clear bool // remove what it held before
}

// fail keeps the first error of writing.
func (f *Files) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("writing %w", err)
	}
}

// File returns the function that BuildKit calls for a writer of an output
// file.
func (f *Files) File(dest string) func(map[string]string) (io.WriteCloser, error) {
	return f.writer(func() (*output.File, error) {
		if err := f.Places.Check(dest); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			return nil, &output.Error{Name: dest, Err: err}
		}
		return output.Create(dest, 0o666)
	})
}

// Stream is like file for a stream that is open already.
func (f *Files) Stream(name string, w io.Writer) func(map[string]string) (io.WriteCloser, error) {
	return f.writer(func() (*output.File, error) { return output.Stream(name, w), nil })
}

func (f *Files) writer(create func() (*output.File, error)) func(map[string]string) (io.WriteCloser, error) {
	return func(map[string]string) (io.WriteCloser, error) {
		w, err := create()
		if err != nil {
			f.fail(err)
			return nil, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.files = append(f.files, w)
		return fileWriter{w, f}, nil
	}
}

// fileWriter is what BuildKit writes to. Closing it says nothing of whether
// what was written is all.
type fileWriter struct {
	*output.File
	files *Files
}

func (w fileWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		w.files.fail(err)
	}
	return n, err
}

func (w fileWriter) Close() error { return nil }

// Folder returns a folder that the files of a local output are written to,
// before they are put into dest.
func (f *Files) Folder(dest string, clear bool) (string, error) {
	if err := f.Places.Check(dest); err != nil {
		return "", fmt.Errorf("writing %w", err)
	}
	d, err := output.CreateFolder(dest)
	if err != nil {
		return "", fmt.Errorf("writing %w", err)
	}
	f.folders = append(f.folders, folderOutput{d, clear})
	return d.Path(), nil
}

// Layout returns the store of a folder of images. What is added to it means
// nothing until it is in the index.
func (f *Files) Layout(ctx context.Context, dest string) (content.Store, error) {
	if err := f.Places.CheckLayout(dest); err != nil {
		return nil, fmt.Errorf("writing %w", err)
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return nil, fmt.Errorf("writing %s: %w", output.Show(dest), err)
	}
	if err := layout.Mend(ctx, dest, false); err != nil {
		return nil, fmt.Errorf("writing %s: %w", output.Show(dest), err)
	}
	store, err := contentlocal.NewStore(dest)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", output.Show(dest), err)
	}
	f.layouts = append(f.layouts, dest)
	return store, nil
}

// Commit puts every output in its place.
func (f *Files) Commit() error {
	defer f.Abort()
	for _, w := range f.files {
		if err := f.Places.Check(w.Name()); err != nil {
			return fmt.Errorf("writing %w", err)
		}
		if err := w.Commit(); err != nil {
			return fmt.Errorf("writing %w", err)
		}
	}
	for _, d := range f.folders {
		if err := f.Places.Check(d.Name()); err != nil {
			return fmt.Errorf("writing %w", err)
		}
		commit := d.Commit
		if d.clear {
			commit = d.Replace
		}
		if err := commit(); err != nil {
			return fmt.Errorf("writing %w", err)
		}
	}
	return nil
}

// Abort removes what was written and is not in its place yet.
func (f *Files) Abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.files {
		w.Discard()
	}
	for _, d := range f.folders {
		d.Discard()
	}
}

// streamed says whether something was written that abort cannot take back.
func (f *Files) streamed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.files, (*output.File).Streamed)
}

// Index enters what was exported into the folders of images.
func (f *Files) Index(ctx context.Context, response map[string]string) error {
	if len(f.layouts) == 0 {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(response[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return fmt.Errorf("reading what the builder says of the image: %w", err)
	}
	var desc ocispecs.Descriptor
	if err := json.Unmarshal(data, &desc); err != nil {
		return fmt.Errorf("reading what the builder says of the image: %w", err)
	}
	names := []ociindex.NameOrTag{ociindex.Tag("latest")}
	if image := response[exptypes.ExporterImageNameKey]; image != "" {
		names = nil
		for name := range strings.SplitSeq(image, ",") {
			names = append(names, ociindex.Name(name))
		}
	}
	for _, dest := range f.layouts {
		if err := f.Places.CheckLayout(dest); err != nil {
			return fmt.Errorf("writing %w", err)
		}
		if err := layout.Put(ctx, dest, desc, names...); err != nil {
			return fmt.Errorf("writing %w", err)
		}
	}
	f.layouts = nil
	return nil
}

// Cause is what an export failed with: an error on this side comes first, as
// the builder only says that its stream was cut off. What BuildKit's client writes
// into folders for it has to be there still.
func (f *Files) Cause(err error) error {
	f.mu.Lock()
	first := f.err
	f.mu.Unlock()
	if full := f.full(err); first == nil && full != nil {
		first = fmt.Errorf("writing %w", full)
	}
	switch {
	case first != nil:
		return first
	case f.streamed():
		return &StreamedError{err}
	}
	return err
}

// full says which of the folders did not have the room, if that is what an export
// failed with.
func (f *Files) full(err error) *output.Error {
	for _, d := range f.folders {
		if full := d.Full(err); full != nil {
			return full
		}
	}
	for _, dest := range f.layouts {
		if full := output.Full(dest, dest, err); full != nil {
			return full
		}
	}
	return nil
}

// StreamedError is the error of an export of which a part has gone to a stream
// or a device. A second try would be written after it.
type StreamedError struct{ error }

func (e *StreamedError) Unwrap() error { return e.error }

// Sizes are the sizes of the files, by their names.
func (f *Files) Sizes() map[string]int64 {
	sizes := map[string]int64{}
	for _, one := range f.files {
		sizes[one.Name()] = one.Size()
	}
	return sizes
}
