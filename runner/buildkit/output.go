package buildkit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// files are the outputs of one export that go to this machine. Everything is
// written aside and put in its place when the export is complete, so that an
// output that is there is whole, and an old one stays until then.
type files struct {
	mu      sync.Mutex
	pending []placer
	// err is the first error of writing on this side: the builder only says
	// that its stream was cut off.
	err error
}

// placer is an output that waits to be put in its place.
type placer interface {
	place() error
	discard()
}

func (f *files) add(p placer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, p)
}

func (f *files) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// commit puts every output in its place.
func (f *files) commit() error {
	for i, p := range f.pending {
		if err := p.place(); err != nil {
			for _, rest := range f.pending[i:] {
				rest.discard()
			}
			return err
		}
	}
	return nil
}

// abort removes what was written.
func (f *files) abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pending {
		p.discard()
	}
}

// file returns the function that BuildKit calls for a writer of an output
// file.
func (f *files) file(dest string) func(map[string]string) (io.WriteCloser, error) {
	return func(map[string]string) (io.WriteCloser, error) {
		w, err := f.create(dest)
		if err != nil {
			f.fail(err)
		}
		return w, err
	}
}

func (f *files) create(dest string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return nil, fmt.Errorf("writing %s: %w", dest, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(dest), "."+filepath.Base(dest)+".orch-*")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", dest, err)
	}
	w := &fileOutput{files: f, dest: dest, tmp: tmp}
	f.add(w)
	return w, nil
}

// fileOutput is a file that is being written.
type fileOutput struct {
	files *files
	dest  string
	tmp   *os.File
	size  int64
}

func (w *fileOutput) Write(p []byte) (int, error) {
	n, err := w.tmp.Write(p)
	w.size += int64(n)
	if err != nil {
		w.files.fail(w.wrap(err))
	}
	return n, err
}

func (w *fileOutput) Close() error {
	err := w.tmp.Close()
	if err != nil && !errors.Is(err, os.ErrClosed) {
		w.files.fail(w.wrap(err))
	}
	return err
}

// wrap names the file that the user asked for, not the one aside.
func (w *fileOutput) wrap(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("writing %s: %w", w.dest, err)
}

func (w *fileOutput) place() error {
	mode := fs.FileMode(0o666) &^ umask()
	if old, err := os.Stat(w.dest); err == nil {
		mode = old.Mode().Perm()
	}
	if err := os.Chmod(w.tmp.Name(), mode); err != nil {
		return w.wrap(err)
	}
	if err := os.Rename(w.tmp.Name(), w.dest); err != nil {
		var link *os.LinkError
		if errors.As(err, &link) {
			err = link.Err
		}
		return fmt.Errorf("writing %s: %w", w.dest, err)
	}
	return nil
}

func (w *fileOutput) discard() {
	w.tmp.Close()
	os.Remove(w.tmp.Name())
}

// dir returns a folder that the files of a local output are written to, before
// they are put into dest.
func (f *files) dir(dest string, clean bool) (string, error) {
	parent := filepath.Dir(dest)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("writing %s: %w", dest, err)
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dest)+".orch-*")
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", dest, err)
	}
	f.add(&dirOutput{dest: dest, tmp: tmp, clean: clean})
	return tmp, nil
}

// dirOutput is a folder that is being written.
type dirOutput struct {
	dest, tmp string
	clean     bool // remove what dest held before
}

func (d *dirOutput) discard() { os.RemoveAll(d.tmp) }

func (d *dirOutput) place() error {
	defer d.discard()
	if err := os.Chmod(d.tmp, 0o777&^umask()); err != nil {
		return fmt.Errorf("writing %s: %w", d.dest, err)
	}
	if d.clean {
		if err := clearDir(d.dest); err != nil {
			return fmt.Errorf("clearing %s: %w", d.dest, err)
		}
	}
	if err := mergeDir(d.tmp, d.dest); err != nil {
		return fmt.Errorf("writing %s: %w", d.dest, err)
	}
	return nil
}

func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// mergeDir moves everything in from to the folder to, file by file where the
// folder is there already. Each file is replaced in one step.
func mergeDir(from, to string) error {
	old, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.Rename(from, to)
	case err != nil:
		return err
	case !old.IsDir():
		if err := os.Remove(to); err != nil {
			return err
		}
		return os.Rename(from, to)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			err = mergeDir(src, dst)
		} else {
			err = replaceFile(src, dst)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceFile renames over what is there, even if that is a folder.
func replaceFile(src, dst string) error {
	if old, err := os.Lstat(dst); err == nil && old.IsDir() {
		if err := os.RemoveAll(dst); err != nil {
			return err
		}
	}
	return os.Rename(src, dst)
}
