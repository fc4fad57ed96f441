package document

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orch-build/orch/internal/language/lsp"
)

// maxFile is how many bytes a file on the disk may have to be read: as many as a
// builder can be sent.
const maxFile = 16 << 20

// Store has the texts that are open. It is for several goroutines.
type Store struct {
	mu   sync.Mutex
	open map[string]*Document
}

// NewStore returns a Store in which nothing is open.
func NewStore() *Store { return &Store{open: map[string]*Document{}} }

// Open enters a text.
func (s *Store) Open(path string, version int, text string) *Document {
	d := New(path, version, []byte(text))
	d.Open = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[path] = d
	return d
}

// Change changes an open text. It returns nil if it is not open.
func (s *Store) Change(path string, version int, changes []lsp.ContentChange) *Document {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.open[path]
	if d == nil {
		return nil
	}
	s.open[path] = d.Apply(version, changes)
	return s.open[path]
}

// Close makes the file on the disk count again.
func (s *Store) Close(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, path)
}

// Get returns an open text, or nil.
func (s *Store) Get(path string) *Document {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[path]
}

// Paths lists the open texts.
func (s *Store) Paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.open))
}

// View returns the files as they are now, with the open texts over them. Relative
// names start from dir.
func (s *Store) View(dir string) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &View{Dir: dir, open: maps.Clone(s.open), read: map[string]*Document{}}
}

// View is the files of the disk with the open texts over them. It reads each file
// once, and is for one goroutine.
type View struct {
	Dir string
	// Earlier are texts that were read before; equal ones are used again.
	Earlier map[string]*Document
	open    map[string]*Document
	read    map[string]*Document
}

// Abs makes a name absolute.
func (v *View) Abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(v.Dir, name)
}

// Document returns the text of a file.
func (v *View) Document(name string) (*Document, error) {
	path := v.Abs(name)
	if d := v.open[path]; d != nil {
		return d, nil
	}
	if d := v.read[path]; d != nil {
		return d, nil
	}
	text, err := readDisk(path)
	if err != nil {
		return nil, err
	}
	d := v.Earlier[path]
	if d == nil || d.Open || !bytes.Equal(d.Text, text) {
		d = New(path, 0, text)
	}
	v.read[path] = d
	return d, nil
}

// readDisk reads a regular file that is not too large.
func readDisk(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a folder")}
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is not a regular file")}
	case info.Size() > maxFile:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", maxFile)}
	}
	return os.ReadFile(path)
}

// Documents returns the files that were read, by their paths.
func (v *View) Documents() map[string]*Document { return v.read }

// ReadFile returns the text of a file.
func (v *View) ReadFile(name string) ([]byte, error) {
	d, err := v.Document(name)
	if err != nil {
		return nil, err
	}
	v.read[d.Path] = d
	return d.Text, nil
}

// Stat says what a name is.
func (v *View) Stat(name string) (fs.FileInfo, error) {
	path := v.Abs(name)
	info, err := os.Stat(path)
	if d := v.open[path]; d != nil && (err != nil || info.Mode().IsRegular()) {
		return openFile{d}, nil
	}
	return info, err
}

// ReadDir lists a folder, with the texts that are not on the disk yet.
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) {
	dir := v.Abs(name)
	entries, err := os.ReadDir(dir)
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	n := len(entries)
	for path, d := range v.open {
		if filepath.Dir(path) == dir && !there[filepath.Base(path)] {
			entries = append(entries, fs.FileInfoToDirEntry(openFile{d}))
		}
	}
	if len(entries) > n {
		err = nil
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return entries, err
}

// RealPath is the name without symbolic links.
func (v *View) RealPath(name string) (string, error) {
	path := v.Abs(name)
	real, err := filepath.EvalSymlinks(path)
	if err != nil && v.open[path] != nil {
		return path, nil
	}
	return real, err
}

// openFile is a text as a file.
type openFile struct{ d *Document }

func (f openFile) Name() string       { return filepath.Base(f.d.Path) }
func (f openFile) Size() int64        { return int64(len(f.d.Text)) }
func (f openFile) Mode() fs.FileMode  { return 0o644 }
func (f openFile) ModTime() time.Time { return time.Time{} }
func (f openFile) IsDir() bool        { return false }
func (f openFile) Sys() any           { return nil }
