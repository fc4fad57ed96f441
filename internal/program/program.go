//go:build linux

// Package program makes a program that another one carries runnable. It knows
// nothing of what the program is.
package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is an unpacked program. It can be executed until it is closed; a
// process that executes it by then goes on without.
type File struct {
	Path  string
	close func()
}

// Self is the running program itself.
func Self() File { return File{"/proc/self/exe", func() {}} }

// Close takes the file away.
func (f File) Close() { f.close() }

// Unpack writes the program that open reads to a file without a name that lies
// in memory, so that nothing has to be kept, checked or cleared away later. On
// a machine that forbids to execute such a file it goes into dir; see
// vm.memfd_noexec in memfd_create(2).
func Unpack(dir string, open func() (io.ReadCloser, error)) (File, error) {
	f, err := inMemory(open)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		f, err = onDisk(dir, open)
	}
	if err != nil {
		return File{}, fmt.Errorf("unpacking the program: %w", err)
	}
	return f, nil
}

func inMemory(open func() (io.ReadCloser, error)) (File, error) {
	fd, err := memfd(unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // a kernel before 6.3, where all are executable
		fd, err = memfd(0)
	}
	if err != nil {
		return File{}, err
	}
	// The number must be none that the files of a child process are given.
	const above = 100
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, above)
	unix.Close(fd)
	if errors.Is(err, unix.EINVAL) { // the number is beyond the limit
		return File{}, unix.EMFILE
	}
	if err != nil {
		return File{}, err
	}
	f := os.NewFile(uintptr(high), "program")
	if err := write(f, open); err != nil {
		f.Close()
		return File{}, err
	}
	return File{"/proc/self/fd/" + strconv.Itoa(high), func() { f.Close() }}, nil
}

func memfd(flags int) (int, error) {
	return unix.MemfdCreate("orch", unix.MFD_CLOEXEC|flags)
}

func onDisk(dir string, open func() (io.ReadCloser, error)) (File, error) {
	f, err := os.CreateTemp(dir, "orch-program-*")
	if err != nil {
		return File{}, err
	}
	remove := func() { os.Remove(f.Name()) }
	if err := errors.Join(write(f, open), f.Chmod(0o700), f.Close()); err != nil {
		remove()
		return File{}, err
	}
	return File{f.Name(), remove}, nil
}

func write(w io.Writer, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}
