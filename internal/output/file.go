package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// File is a file that is being written. Until Commit, an old file of the name
// is whole.
type File struct {
	name string // as the user calls it
	goal string // where that leads
	size int64

	// aside is where the content goes until it is complete; nil if it goes to
	// its goal at once.
	aside *os.File
	// direct takes the content at once: it belongs to a device, a FIFO, a
	// socket or a descriptor.
	direct io.WriteCloser

	perm fs.FileMode // of a new file
	sync bool        // be sure that it is on the disk
	over bool        // committed or discarded
}

// Create begins to write the file that a user named. A new file gets the
// permissions perm, less what the process's umask takes away; an old one keeps
// its own.
func Create(name string, perm fs.FileMode) (*File, error) {
	f := &File{name: name, perm: perm &^ umask()}
	goal, err := follow(name)
	if err == nil {
		f.goal = goal
		err = f.open()
	}
	if err != nil {
		return nil, failed(name, folderOf(f.goal), err)
	}
	return f, nil
}

// Stream is the output that goes to an open stream, such as the standard
// output. The name is for messages.
func Stream(name string, w io.Writer) *File {
	return &File{name: name, direct: unclosed{w}}
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// WriteFile gives a file new content; see Create.
func WriteFile(name string, data []byte, perm fs.FileMode) error {
	f, err := Create(name, perm)
	if err != nil {
		return err
	}
	return f.commit(data)
}

// WriteSynced is WriteFile for what has to be on the disk when it returns.
func WriteSynced(name string, data []byte, perm fs.FileMode) error {
	f, err := Create(name, perm)
	if err != nil {
		return err
	}
	f.sync = true
	return f.commit(data)
}

// commit writes all that the file has.
func (f *File) commit(data []byte) error {
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	return f.Commit()
}

var (
	errFolder  = errors.New("is a folder")
	errRegular = errors.New("is not a regular file any more")
	errMoved   = errors.New("leads to another place than when it was begun; nothing is written")
)

// open finds out what the goal is and opens it, or a file aside.
func (f *File) open() (err error) {
	if fd, is := descriptorOf(f.goal); is && fd.own {
		f.direct, err = openDescriptor(fd.number)
		return err
	} else if is {
		f.direct, err = os.OpenFile(f.goal, os.O_WRONLY|os.O_TRUNC, 0)
		return err
	}
	if _, base := filepath.Split(f.goal); base == "" || base == "." || base == ".." {
		return errFolder
	}
	info, err := os.Stat(f.goal)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.IsDir():
		return errFolder
	case !info.Mode().IsRegular():
		f.direct, err = openSpecial(f.goal, info)
		return err
	}
	if info == nil {
		f.aside, err = createBeside(f.goal)
	} else {
		f.aside, err = createAside(f.goal)
	}
	return err
}

// createBeside makes a file for the new content, beside the goal.
func createBeside(goal string) (*os.File, error) {
	return os.CreateTemp(folderOf(goal), asidePattern(goal))
}

// createAside is createBeside for a goal that is there. If a file beside it is not
// allowed but the goal itself may be written, the new one is elsewhere.
func createAside(goal string) (*os.File, error) {
	tmp, err := createBeside(goal)
	if err == nil || !refused(err) {
		return tmp, err
	}
	may, openErr := os.OpenFile(goal, os.O_WRONLY, 0)
	if openErr != nil {
		return nil, openErr
	}
	may.Close()
	return os.CreateTemp("", "orch-*")
}

// refused says whether an error is one of rights: what may not be done in this
// way may be possible in another.
func refused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// folderOf is the folder of a file, in a form in which the system takes ".." as
// it is.
func folderOf(path string) string {
	dir, _ := filepath.Split(path)
	if dir == "" {
		return "."
	}
	return dir
}

// maxAside is how much of a name that of the file aside has: with all of a long
// one it would be too long.
const maxAside = 100

// asidePattern is the name of what lies aside for a goal; see os.CreateTemp.
func asidePattern(goal string) string {
	_, base := filepath.Split(goal)
	base = strings.ToValidUTF8(base[:min(len(base), maxAside)], "")
	return "." + base + ".orch-*"
}

// Name is what the user calls the file.
func (f *File) Name() string { return f.name }

// Size is how much has been written, in bytes.
func (f *File) Size() int64 { return f.size }

// Streamed says whether something has been written that Discard cannot take
// back.
func (f *File) Streamed() bool { return f.direct != nil && f.size > 0 }

// Write adds to the new content.
func (f *File) Write(p []byte) (int, error) {
	var n int
	var err error
	if f.direct != nil {
		n, err = f.direct.Write(p)
	} else {
		n, err = f.aside.Write(p)
	}
	f.size += int64(n)
	if err != nil {
		err = f.failed(err)
	}
	return n, err
}

// failed is an error of writing this file.
func (f *File) failed(err error) error {
	dir := folderOf(f.goal)
	if f.aside != nil {
		dir = folderOf(f.aside.Name())
	}
	err = failed(f.name, dir, err)
	var e *Error
	if errors.As(err, &e) && isDevice(f.direct) {
		e.Full, e.Device = nil, true
	}
	return err
}

// isDevice says whether a file that is written to at once is a device.
func isDevice(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeDevice != 0
}

// Discard removes the new content. What has been written to a device or a
// stream cannot be taken back.
func (f *File) Discard() {
	if f.over {
		return
	}
	f.over = true
	if f.direct != nil {
		f.direct.Close()
		return
	}
	f.aside.Close()
	os.Remove(f.aside.Name())
}

// Commit puts the new content in its place.
func (f *File) Commit() error {
	if f.over {
		return nil
	}
	if f.direct != nil {
		f.over = true
		if err := f.direct.Close(); err != nil {
			return f.failed(err)
		}
		return nil
	}
	defer f.Discard()
	if err := f.place(); err != nil {
		return f.failed(err)
	}
	return nil
}

// place moves the file aside to its goal, or copies it there if that is better
// or all that can be done.
func (f *File) place() error {
	if again, err := follow(f.name); err != nil || again != f.goal {
		return errors.Join(err, errMoved)
	}
	if f.sync {
		if err := f.aside.Sync(); err != nil {
			return err
		}
	}
	if err := f.aside.Close(); err != nil {
		return err
	}
	old, err := os.Stat(f.goal)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return err
	case !old.Mode().IsRegular():
		return errRegular
	}
	perm := f.perm
	if old != nil {
		perm = old.Mode().Perm()
	}
	if err := os.Chmod(f.aside.Name(), perm); err != nil {
		return err
	}
	if err := put(f.aside.Name(), f.goal, old); err != nil {
		return err
	}
	if f.sync {
		return syncFolder(folderOf(f.goal))
	}
	return nil
}

// OpenAppend opens a file that grows, such as a log, making it if it is not
// there. What is in it already stays.
func OpenAppend(name string, perm fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, perm)
	if err != nil {
		return nil, failed(name, folderOf(name), err)
	}
	return f, nil
}

// Replaceable says whether name is a regular file, or none yet: what is written
// to anything else is not there to be read afterwards.
func Replaceable(name string) bool {
	goal, err := follow(name)
	if err != nil {
		return false
	}
	if _, is := descriptorOf(goal); is {
		return false
	}
	info, err := os.Stat(goal)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular()
}

// errNoReader explains why nobody takes what is written to a socket.
func errNoReader(err error) error {
	return fmt.Errorf("nothing listens on this socket: %w", err)
}
