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
	// watched are the folders that are watched now.
	watched map[string]bool
	state   *State
	// pending says that something has changed of which nobody has heard.
	pending bool
}

func newFiles() (*files, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, limited(err)
	}
	return &files{notify: w, watched: map[string]bool{}}, nil
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
	f.state = s
	wanted := map[string]bool{}
	for _, root := range s.Roots {
		if err := folders(root, func(dir string) { wanted[dir] = true }); err != nil {
			return err
		}
	}
	// Editors replace files, so that it is their folder that changes.
	for _, name := range s.Files {
		wanted[filepath.Dir(name)] = true
	}
	for dir := range wanted {
		if f.watched[dir] {
			continue
		}
		if err := f.notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return limited(err)
		}
		f.watched[dir] = true
		f.pending = true // what changed there before is not known
	}
	for dir := range f.watched {
		if !wanted[dir] {
			_ = f.notify.Remove(dir) // it may be gone
			delete(f.watched, dir)
		}
	}
	return nil
}

// folders calls found for a folder and those below it. One that is not there is
// looked for in the folder above it.
func folders(root Root, found func(string)) error {
	if _, err := os.Stat(root.Dir); errors.Is(err, fs.ErrNotExist) {
		found(filepath.Dir(root.Dir))
		return nil
	}
	return filepath.WalkDir(root.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone, or not to be read: a build will say so
		}
		if !d.IsDir() {
			if path == root.Dir {
				found(filepath.Dir(path))
			}
			return nil
		}
		rel, _ := filepath.Rel(root.Dir, path)
		if d.Name() == ".git" || rel != "." && root.Skip != nil && root.Skip(filepath.ToSlash(rel)) {
			return fs.SkipDir
		}
		found(path)
		return nil
	})
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
			if !f.written(event.Name) {
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

// written says whether a path is what builds write, which is no change.
func (f *files) written(path string) bool {
	for _, w := range f.state.Written {
		if path == w || strings.HasPrefix(path, w+string(filepath.Separator)) {
			return true
		}
		// A file is written beside its place, and moved there.
		if filepath.Dir(path) == filepath.Dir(w) && strings.HasPrefix(filepath.Base(path), "."+filepath.Base(w)) {
			return true
		}
	}
	return false
}
