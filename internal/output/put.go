package output

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// rename is os.Rename, but in tests of file systems that are not here.
var rename = os.Rename

// put makes the complete file src the content of goal; old is what is there, or
// nil.
func put(src, goal string, old fs.FileInfo) error {
	if old != nil && (names(old) > 1 || !giveTo(src, old)) {
		return overwrite(src, goal)
	}
	err := rename(src, goal)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EXDEV):
		return putCopy(src, goal, old)
	case old != nil && unrenamable(err):
		return overwrite(src, goal)
	}
	return err
}

// putCopy is put from another file system.
func putCopy(src, goal string, old fs.FileInfo) error {
	near, err := os.CreateTemp(folderOf(goal), asidePattern(goal))
	if err != nil {
		if old != nil && refused(err) {
			return overwrite(src, goal)
		}
		return err
	}
	defer os.Remove(near.Name())
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	if err := cmp.Or(copyFrom(near, src), near.Close(), liken(near.Name(), info)); err != nil {
		return err
	}
	if old != nil && !giveTo(near.Name(), old) {
		return overwrite(src, goal)
	}
	err = rename(near.Name(), goal)
	if err != nil && old != nil && unrenamable(err) {
		return overwrite(src, goal)
	}
	return err
}

// liken gives a copy the permissions and the time of what it is a copy of.
func liken(path string, info fs.FileInfo) error {
	return errors.Join(os.Chmod(path, info.Mode()), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// unrenamable says whether an error of renaming leaves hope that the file can be
// written all the same: it is a mount point, the folder belongs to others, or
// the file system has lost sight of it for a moment.
func unrenamable(err error) bool {
	return refused(err) || slices.ContainsFunc([]error{
		syscall.EXDEV, syscall.EBUSY, syscall.ESTALE, syscall.ETXTBSY,
	}, func(e error) bool { return errors.Is(err, e) })
}

// overwrite copies the complete file src into the file goal, which keeps its
// names, owner and attributes. If that fails, the old content is put back.
func overwrite(src, goal string) error {
	dst, err := os.OpenFile(goal, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer dst.Close()
	saved, err := createAside(goal)
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		saved.Close()
		if !keep {
			os.Remove(saved.Name())
		}
	}()
	if _, err := io.Copy(saved, dst); err != nil {
		return atOnce(folderOf(saved.Name()), err)
	}
	if err = copyFrom(dst, src); err == nil {
		return nil
	}
	if again := copyFrom(dst, saved.Name()); again != nil {
		keep = true
		return fmt.Errorf("%w; its old content is in %s now", err, Show(saved.Name()))
	}
	return err
}

// copyFrom makes the content of the file src that of dst.
func copyFrom(dst *os.File, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := dst.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(dst, in)
	if err != nil {
		return atOnce(folderOf(dst.Name()), err)
	}
	return errors.Join(dst.Truncate(n), dst.Sync())
}

// syncFolder makes sure that the names in a folder are on the disk, where the
// system can.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	if err := d.Sync(); errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}
