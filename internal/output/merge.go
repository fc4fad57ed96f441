package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// merging moves a tree into another one.
type merging struct {
	clear bool   // remove what is only in the other one
	keep  string // but never this
}

// folder moves everything in from to the folder to.
func (m merging) folder(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	defer writable(from)()
	defer writable(to)()
	moved := map[string]bool{m.keep: true}
	for _, e := range entries {
		moved[e.Name()] = true
		if err := m.entry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return within(e.Name(), err)
		}
	}
	if !m.clear {
		return nil
	}
	return clearRest(to, moved)
}

// writable makes a folder writable for its owner until the returned function is
// called.
func writable(dir string) (restore func()) {
	info, err := os.Stat(dir)
	if err != nil || info.Mode()&0o200 != 0 || os.Chmod(dir, info.Mode()|0o700) != nil {
		return func() {}
	}
	return func() { _ = os.Chmod(dir, info.Mode()) }
}

// removeAll removes a tree, even one with folders that are not writable.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if !refused(err) {
		return err
	}
	_ = filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

// clearRest removes what a folder holds but for some names.
func clearRest(dir string, but map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if but[e.Name()] {
			continue
		}
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return within(e.Name(), unnamed(err))
		}
	}
	return nil
}

// entry moves one entry of a folder over what is there. A link that is there is
// replaced and not followed.
func (m merging) entry(src, dst string) error {
	info, err := os.Lstat(src)
	if err != nil {
		return err
	}
	old, err := os.Lstat(dst)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return move(src, dst, info)
	case err != nil:
		return err
	case info.IsDir() && old.IsDir():
		if err := m.folder(src, dst); err != nil {
			return err
		}
		return liken(dst, info)
	case info.IsDir() || old.IsDir():
		if err := removeAll(dst); err != nil {
			return err
		}
		return move(src, dst, info)
	}
	err = rename(src, dst)
	switch {
	case err == nil:
		return nil
	case !info.Mode().IsRegular():
		return moveFar(src, dst, info, err)
	case old.Mode().IsRegular() && unrenamable(err):
		return put(src, dst, old)
	case errors.Is(err, syscall.EXDEV):
		return putCopy(src, dst, nil)
	}
	return err
}

// move puts an entry where nothing is.
func move(src, dst string, info fs.FileInfo) error {
	err := rename(src, dst)
	if info.IsDir() && refused(err) && os.Chmod(src, info.Mode()|0o700) == nil {
		// To move a folder changes an entry in it, its "..".
		if err = rename(src, dst); err == nil {
			return os.Chmod(dst, info.Mode())
		}
	}
	if err != nil {
		return moveFar(src, dst, info, err)
	}
	return nil
}

// moveFar moves an entry to another file system, if that is why it could not be
// renamed.
func moveFar(src, dst string, info fs.FileInfo, why error) error {
	if !errors.Is(why, syscall.EXDEV) {
		return why
	}
	switch {
	case info.Mode().IsRegular():
		return putCopy(src, dst, nil)
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(src)
		if err != nil {
			return err
		}
		if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(to, dst)
	case info.IsDir():
		if err := os.Mkdir(dst, 0o700); err != nil {
			return err
		}
		if err := (merging{}).folder(src, dst); err != nil {
			return err
		}
		return liken(dst, info)
	}
	return why
}
