//go:build linux

package program

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handover replaces this process by another program with the same command line.
type Handover struct {
	// Mark names the variable that tells the program who was replaced.
	Mark string
	// Dir is where the program is kept for the next time, by its content, which
	// is Kept; without both it is unpacked for this time alone.
	Dir  string
	Kept Kept
	Open func() (io.ReadCloser, error)
	// Stdin is what was read of standard input, which the program is to read
	// again; nil if nothing was.
	Stdin io.Reader
}

// Exec hands over. It returns only if that fails.
func (h Handover) Exec() error {
	if err := h.rewind(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	environ := append(os.Environ(), h.Mark+"="+self)
	if path, err := h.keep(); err == nil {
		_ = syscall.Exec(path, os.Args, environ) // it returns only if it fails
	}
	prog, err := Unpack(os.TempDir(), h.Open)
	if err != nil {
		return err
	}
	defer prog.Close()
	return syscall.Exec(prog.Path, os.Args, environ)
}

// keep unpacks the program to where the next call finds it. Where nothing can be
// kept, each call unpacks it for itself.
func (h Handover) keep() (string, error) {
	if h.Dir == "" || h.Kept.Sum == "" {
		return "", errors.New("nothing says which program it is, or where to keep it")
	}
	return Keep(h.Dir, h.Kept)
}

// rewind gives the process its standard input back.
func (h Handover) rewind() error {
	if h.Stdin == nil {
		return nil
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "stdin")
	defer f.Close()
	if _, err := io.Copy(f, h.Stdin); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unix.Dup3(fd, int(os.Stdin.Fd()), 0)
}
