package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// files sees that files change.
type files struct {
	notify *fsnotify.Watcher
	// watched are the folders that are watched now, as they were then.
	watched map[string]folder
	state   *State
	// all says that every event counts, because it is not known what is read.
	all bool
	// pending says that something has changed of which nobody has heard.
	pending bool
}

// folder is one that is watched.
type folder struct {
	info os.FileInfo
	// whole says that all that is in it counts, but for what skip leaves out; else
	// only the files of the state do.
	whole bool
	skip  func(name string) bool
}

func newFiles() (*files, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, limited(err)
	}
	return &files{notify: w, watched: map[string]folder{}}, nil
}

func (f *files) Close() error { return f.notify.Close() }

// LimitError says that the system watches no more files.
type LimitError struct{ err error }

func (e *LimitError) Error() string {
	return fmt.Sprintf("watching the files of the contexts: %v. The system watches no more files for this user: "+
		"raise the limits, for example 'sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024', "+
		"or leave large folders out by the ignore file", e.err)
}

func (e *LimitError) Unwrap() error { return e.err }

func limited(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return &LimitError{err}
	}
	return err
}

// watch takes what a state reads in place of what was watched before.
func (f *files) watch(s *State) error {
	f.state, f.all = s, false
	wanted := map[string]folder{}
	// Editors replace files, so that it is their folder that changes.
	for _, name := range s.Files {
		want(wanted, existing(filepath.Dir(name)), folder{})
	}
	for _, root := range s.Roots {
		folders(root, wanted)
	}
	f.forget(wanted)
	for dir, w := range wanted {
		if had, ok := f.watched[dir]; ok {
			w.info = had.info
			f.watched[dir] = w
			continue
		}
		f.pending = true // what changed there before is not known
		var err error
		if w.info, err = os.Stat(dir); err == nil {
			err = f.notify.Add(dir)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone meanwhile: that is a change of the folder above
		}
		if err != nil {
			return limited(err)
		}
		f.watched[dir] = w
	}
	return nil
}

// forget stops watching what is not wanted, and what is another folder by now: one
// that was removed and made anew, or moved. It comes before folders are added, because
// a folder that is watched under its old name cannot be added under the new one.
func (f *files) forget(wanted map[string]folder) {
	alive := map[string]bool{}
	for _, dir := range f.notify.WatchList() {
		alive[dir] = true
	}
	for dir, w := range f.watched {
		if _, ok := wanted[dir]; ok && alive[dir] {
			if info, err := os.Stat(dir); err == nil && os.SameFile(info, w.info) {
				continue
			}
		}
		_ = f.notify.Remove(dir) // it may be gone
		delete(f.watched, dir)
	}
}

// existing is a folder, or the nearest one above it that is there.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// folders adds a folder and those below it. One that is not there is waited for in the
// nearest folder above it.
func folders(root Root, wanted map[string]folder) {
	dir, err := filepath.EvalSymlinks(root.Dir)
	if err != nil {
		want(wanted, existing(root.Dir), folder{})
		return
	}
	linked := dir != root.Dir
	if linked { // and may be linked elsewhere
		want(wanted, filepath.Dir(root.Dir), folder{})
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone, or not to be read: a build will say so
		}
		if !d.IsDir() {
			if path == dir {
				want(wanted, filepath.Dir(path), folder{whole: linked})
			}
			return nil
		}
		rel, _ := filepath.Rel(dir, path)
		if d.Name() == ".git" || rel != "." && root.skips(rel) {
			return fs.SkipDir
		}
		want(wanted, path, folder{whole: true, skip: func(name string) bool { return root.skips(filepath.Join(rel, name)) }})
		return nil
	})
}

// want adds a folder that may be wanted for something else too.
func want(wanted map[string]folder, dir string, w folder) {
	had := wanted[dir]
	switch {
	case !had.whole:
		wanted[dir] = w
	case w.whole:
		skips := func(by func(string) bool, name string) bool { return by != nil && by(name) }
		wanted[dir] = folder{whole: true, skip: func(name string) bool { return skips(had.skip, name) && skips(w.skip, name) }}
	}
}

// skips says whether a path below the root is left out.
func (r Root) skips(rel string) bool { return r.Skip != nil && r.Skip(filepath.ToSlash(rel)) }

// counts says whether an event is one of something that targets may read.
func (f *files) counts(path string) bool {
	if f.written(path) {
		return false
	}
	if f.all {
		return true
	}
	for _, name := range f.state.Files {
		if inside(name, path) {
			return true
		}
	}
	for _, root := range f.state.Roots {
		if inside(root.Dir, path) {
			return true
		}
	}
	if _, ok := f.watched[path]; ok {
		return true
	}
	w := f.watched[filepath.Dir(path)]
	return w.whole && (w.skip == nil || !w.skip(filepath.Base(path)))
}

// inside says whether a path is dir or below it.
func inside(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
}

// wait returns when something has changed and it is quiet again.
func (f *files) wait(ctx context.Context) error {
	var settled <-chan time.Time
	if f.pending {
		settled = time.After(quiet)
	}
	for {
		select {
		case <-ctx.Done():
			f.pending = settled != nil
			return ctx.Err()
		case <-settled:
			f.pending = false
			return nil
		case event, ok := <-f.notify.Events:
			if !ok {
				return errors.New("files are no longer watched")
			}
			if f.counts(event.Name) {
				settled = time.After(quiet)
			}
		case err := <-f.notify.Errors:
			if err == nil || errors.Is(err, fsnotify.ErrEventOverflow) {
				settled = time.After(quiet) // something was missed
				continue
			}
			return limited(err)
		}
	}
}

// written says whether a path is what builds write, which is not a change.
func (f *files) written(path string) bool {
	for _, w := range f.state.Written {
		if inside(path, w) {
			return true
		}
		// A file is written beside its place, and moved there.
		if filepath.Dir(path) == filepath.Dir(w) && strings.HasPrefix(filepath.Base(path), "."+filepath.Base(w)) {
			return true
		}
	}
	return false
}
