//go:build unix

package inputs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// listDisk asks the system for each entry once, relative to the open
// directory: a context may hold 100,000 files.
func listDisk(dir string) ([]Entry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // before they are entries, which take longer to move
	out := make([]Entry, 0, len(names))
	for _, name := range names {
		e := Entry{Name: name}
		switch err := e.look(int(f.Fd()), dir); {
		case err == nil:
			out = append(out, e)
		case !errors.Is(err, fs.ErrNotExist): // one that has gone since is not there
			return nil, &fs.PathError{Op: "lstat", Path: filepath.Join(dir, name), Err: err}
		}
	}
	return out, nil
}

// look asks for the state of an entry of an open directory.
func (e *Entry) look(dir int, path string) error {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(dir, e.Name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	e.Mode = fileMode(uint32(st.Mode))
	var err error
	switch {
	case e.Mode.IsRegular():
		e.Stamp = newStamp(&st)
	case e.Mode&fs.ModeSymlink != 0:
		e.Link, err = os.Readlink(filepath.Join(path, e.Name))
	case e.Mode&fs.ModeDevice != 0:
		e.Stamp = Stamp{Device: uint64(st.Rdev)}
	}
	return err
}

func newStamp(st *unix.Stat_t) Stamp {
	return Stamp{
		Size: st.Size, MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano(),
		Inode: uint64(st.Ino), Device: uint64(st.Dev), Mode: uint32(st.Mode),
	}
}

// fileMode turns the mode of the system into Go's.
func fileMode(m uint32) fs.FileMode {
	out := fs.FileMode(m & 0o777)
	if m&unix.S_ISUID != 0 {
		out |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		out |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		out |= fs.ModeSticky
	}
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		out |= fs.ModeDir
	case unix.S_IFLNK:
		out |= fs.ModeSymlink
	case unix.S_IFIFO:
		out |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		out |= fs.ModeSocket
	case unix.S_IFBLK:
		out |= fs.ModeDevice
	case unix.S_IFCHR:
		out |= fs.ModeDevice | fs.ModeCharDevice
	}
	return out
}

// descriptor is an open file. It is not an os.File, which would first look
// whether it can wait for it.
type descriptor int

func openDisk(path string) (Content, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return descriptor(fd), nil
	}
}

func (d descriptor) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), p)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (d descriptor) Close() error { return unix.Close(int(d)) }

func (d descriptor) Stamp() (Stamp, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(d), &st)
	return newStamp(&st), err
}
