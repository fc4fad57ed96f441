package inputs

import (
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Tree is what the files of local contexts are read through. Paths are those
// of the machine, absolute.
type Tree interface {
	// List returns what a directory holds, in the order of names. Symbolic
	// links in it are not followed.
	List(dir string) ([]Entry, error)
	// Open opens a regular file, and never waits for the other end of a pipe.
	Open(path string) (Content, error)
}

// Content is a regular file that is being read.
type Content interface {
	io.ReadCloser
	// Stamp is what the open file is now.
	Stamp() (Stamp, error)
}

// Entry is one thing in a directory.
type Entry struct {
	Name string
	// Mode is the type, and for a regular file the permissions.
	Mode fs.FileMode
	Link string // where a symbolic link points to
	// Stamp tells one state of a regular file from another, and holds its
	// size. For a device it holds only the number.
	Stamp Stamp
}

// Stamp is what a file system says of a file without reading it, as git's
// index keeps it: while it stays the same, the content does. A field that the
// system does not have is 0.
type Stamp struct {
	Size         int64
	MTime, CTime int64 // nanoseconds since 1970
	Inode        uint64
	Device       uint64 // that holds the file; of a device, its own number
	Mode         uint32 // type and permissions as the system has them
}

// Disk is the file system of this machine.
type Disk struct{}

// List returns what a directory of this machine holds.
func (Disk) List(dir string) ([]Entry, error) { return listDisk(dir) }

// Open opens a file of this machine.
func (Disk) Open(path string) (Content, error) { return openDisk(path) }

func sortEntries(list []Entry) {
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}
