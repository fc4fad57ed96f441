// Package contextfs reads the local folders of a build while others may change
// them. A file that vanishes is one file: the sender of BuildKit's client would
// leave out the rest of its folder with it. What changed while it was read is
// written down; with Strict the first change is a fault that ends what Until is asked for.
//
// The package knows what the builder asks for by the filters that it is given
// with each request: what those leave out may change as it likes. It does not
// know what changed between two looks at the clock of the file system.
package contextfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/output"
)

// Change is a file of a context that changed while the context was read.
type Change struct {
	Dir  string // the context, from the working directory if it is below that
	Path string // in it
	What What
}

// What happened to a file.
type What string

// What can happen to a file while its context is read.
const (
	// Vanished is a file that was listed, and is not part of the context.
	Vanished What = "vanished"
	// Emptied is a file whose content could not be read when the builder asked
	// for it, after its entry had been sent.
	Emptied What = "could not be read, and is empty in the build"
	// Changed is a file with another size or time than when it was listed.
	Changed What = "changed"
	// Appeared is a file that came when its folder had been listed.
	Appeared What = "appeared"
)

// Error says that a context changed.
type Error struct{ Change }

func (e *Error) Error() string {
	return fmt.Sprintf("the context %s changed while it was read: %s %s (--strict-context)",
		output.Show(e.Dir), output.Show(e.Path), e.What)
}

// Watch collects what changed in the contexts of a run.
type Watch struct {
	// Strict makes every change an error.
	Strict bool

	mu      sync.Mutex
	changes map[Change]bool
	fault   error
	faulted chan struct{} // closed when there is a fault
}

// Fault is why a run cannot go on: a file could not be read to its end, or with Strict the
// first change. nil is none.
func (w *Watch) Fault() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// fail notes why the run cannot go on. It is no error of the reading, after one of which
// BuildKit's sender can wait for ever.
func (w *Watch) fail(err error) {
	if w == nil {
		return
	}
	sign := w.sign()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		w.fault = err
		close(sign)
	}
}

// Until returns a context that ends when there is a fault, and a function that ends it.
func (w *Watch) Until(ctx context.Context) (until context.Context, stop func()) {
	until, cancel := context.WithCancelCause(ctx)
	if w != nil {
		faulted := w.sign()
		go func() {
			select {
			case <-faulted:
				cancel(w.Fault())
			case <-until.Done():
			}
		}()
	}
	return until, func() { cancel(nil) }
}

// sign is closed when there is a fault.
func (w *Watch) sign() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faulted == nil {
		w.faulted = make(chan struct{})
	}
	return w.faulted
}

// Changes lists what changed, by context and path; with Strict there is a
// Fault in their place.
func (w *Watch) Changes() []Change {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Change, 0, len(w.changes))
	for c := range w.changes {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	return out
}

// add writes a change down.
func (w *Watch) add(c Change) {
	switch {
	case w == nil:
	case w.Strict:
		w.fail(&Error{c})
	default:
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.changes == nil {
			w.changes = map[Change]bool{}
		}
		w.changes[c] = true
	}
}

// FS is a local folder that may change while it is read.
type FS struct {
	under fsutil.FS
	root  string
	name  string
	watch *Watch
	modes Modes

	mu      sync.Mutex
	filters []*filter
	seen    map[string]stamp // by path
}

// stamp is what a file looked like when it was listed.
type stamp struct {
	known       bool
	size, mtime int64
}

// Modes says which modes files have.
type Modes bool

const (
	// DiskModes are those that the files have here.
	DiskModes Modes = false
	// GitModes are those that git keeps; with them each name is a file of its own.
	GitModes Modes = true
)

// Open opens a folder.
func (w *Watch) Open(dir string, modes Modes) (*FS, error) {
	under, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	name := dir
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, dir); err == nil && filepath.IsLocal(rel) {
			name = rel
		}
	}
	return &FS{under: under, root: root, name: name, watch: w, modes: modes, seen: map[string]stamp{}}, nil
}

// aside are the names of what orch itself writes and is not complete yet.
var aside = lazyregexp.New(`(?:^|[/\\])\.[^/\\]*orch-\d+(?:[/\\]|$)`)

// changed writes down a change to what the builder has asked for.
func (f *FS) changed(path string, what What) {
	if !aside.MatchString(path) && f.selected(path) {
		f.watch.add(Change{f.name, filepath.ToSlash(path), what})
	}
}

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Walk lists the folder; see [fsutil.FS].
func (f *FS) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	root, err := os.Stat(f.root)
	if err != nil {
		return fmt.Errorf("reading the context %s: %w", f.name, err)
	}
	w := &walk{fs: f, fn: fn, dirs: map[string]int64{".": root.ModTime().UnixNano()}, seen: map[string]bool{}}
	if err := f.under.Walk(ctx, target, w.entry); err != nil {
		return err
	}
	if filepath.Join(string(filepath.Separator), target) != string(filepath.Separator) {
		return nil // not all of the folder, so that nothing can be missed in it
	}
	w.appeared()
	return nil
}

// walk is one look at the folder.
type walk struct {
	fs   *FS
	fn   fs.WalkDirFunc
	dirs map[string]int64 // the times of the folders before they were listed
	seen map[string]bool
}

func (w *walk) entry(path string, d fs.DirEntry, walkErr error) error {
	if d == nil { // what was asked for is not there
		return w.fn(path, nil, walkErr)
	}
	if missing(walkErr) {
		w.fs.changed(path, Vanished)
		return filepath.SkipDir
	}
	e := &entry{DirEntry: d, path: path, walk: w}
	w.seen[path] = true
	err := w.fn(path, e, walkErr)
	switch {
	case e.gone && !d.IsDir():
		return nil // one file, and not the rest of its folder
	case e.gone:
		return filepath.SkipDir
	case err == nil && d.IsDir() && e.info != nil:
		w.dirs[path] = e.info.ModTime().UnixNano()
	}
	return err
}

// listed notes what a file looks like. Its content may be asked for while the
// walk goes on.
func (f *FS) listed(path string, s stamp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[path] = s
}

// appeared looks again at the folders that have changed since they were listed.
func (w *walk) appeared() {
	for dir, before := range w.dirs {
		full := filepath.Join(w.fs.root, dir)
		info, err := os.Lstat(full)
		if err != nil || info.ModTime().UnixNano() == before {
			continue
		}
		entries, err := os.ReadDir(full)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if !w.seen[path] {
				w.fs.changed(path, Appeared)
			}
		}
	}
}

// entry is an entry of a folder that notices when it is gone.
type entry struct {
	fs.DirEntry
	path string
	walk *walk
	info fs.FileInfo
	gone bool
}

func (e *entry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err == nil {
		e.info = info
		if st, ok := info.Sys().(*types.Stat); ok && info.Mode().IsRegular() {
			size := st.Size
			if st.Linkname != "" { // a second name of a file that was listed
				size = -1
			}
			e.walk.fs.listed(e.path, stamp{true, size, st.ModTime})
		}
		if e.walk.fs.modes == GitModes {
			return e.asGit(info), nil
		}
		return info, nil
	}
	if missing(err) && !e.gone {
		e.gone = true
		e.walk.fs.changed(e.path, Vanished)
	}
	return nil, err
}

// Open opens a file; see [fsutil.FS]. The sender takes an error for an empty file.
func (f *FS) Open(path string) (io.ReadCloser, error) {
	r, err := f.under.Open(path)
	if err != nil {
		f.changed(path, Emptied)
		return nil, err
	}
	file, ok := r.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return r, nil
	}
	f.mu.Lock()
	listed := f.seen[filepath.FromSlash(path)]
	f.mu.Unlock()
	return &reader{ReadCloser: r, stat: file.Stat, fs: f, path: path, listed: listed}, nil
}

// reader compares a file with what it was when it was listed, once all of it
// has been read.
type reader struct {
	io.ReadCloser
	stat   func() (fs.FileInfo, error)
	fs     *FS
	path   string
	listed stamp
	size   int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.size += int64(n)
	switch {
	case errors.Is(err, syscall.EISDIR): // it was a file when it was listed
		r.fs.changed(r.path, Emptied)
		return n, io.EOF
	case err != nil && err != io.EOF:
		r.fs.watch.fail(fmt.Errorf("reading the context %s: %w", output.Show(r.fs.name), err))
		return n, io.EOF
	}
	if err != io.EOF || !r.listed.known {
		return n, err
	}
	info, statErr := r.stat()
	if statErr != nil {
		return n, err
	}
	before := r.listed
	r.listed.known = false // said once
	if info.ModTime().UnixNano() == before.mtime && info.Size() == r.size && (before.size < 0 || before.size == r.size) {
		return n, err
	}
	r.fs.changed(r.path, Changed)
	return n, err
}
