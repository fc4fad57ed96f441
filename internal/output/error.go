package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/docker/go-units"
)

// Error says that a file or folder could not be written.
type Error struct {
	// Name is what the user called it.
	Name string
	Err  error
	// Full is what was free when a disk was full, or nil.
	Full *Disk
	// Device says that it is a device, such as /dev/full, which is on no disk.
	Device bool
}

// Disk is the state of a disk at one moment, in bytes.
type Disk struct {
	Dir         string // a folder on it
	Free, Total int64
}

func (d *Disk) String() string {
	return fmt.Sprintf("the disk of %s had %s of %s free", Show(d.Dir), units.HumanSize(float64(d.Free)), units.HumanSize(float64(d.Total)))
}

func (e *Error) Error() string {
	text := Show(e.Name) + ": " + e.Err.Error()
	if e.Full != nil {
		text += " (" + e.Full.String() + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// failed makes an error of writing name. The names of files that the user does
// not know, such as one that lies aside, are taken out of it. dir is a folder
// on the disk that was written to.
func failed(name, dir string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var in *insideError
	if errors.As(err, &in) {
		name, err = filepath.Join(name, in.path), in.err
	}
	var full *fullError
	if !errors.As(err, &full) {
		full = &fullError{error: err}
		if IsFull(err) {
			full.disk = DiskOf(dir)
		}
	} else if err == error(full) {
		err = full.error
	}
	return &Error{Name: name, Err: unnamed(err), Full: full.disk}
}

// unnamed takes the names of files out of an error of the system.
func unnamed(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// insideError is an error with something inside of a folder.
type insideError struct {
	path string
	err  error
}

func (e *insideError) Error() string { return Show(e.path) + ": " + e.err.Error() }
func (e *insideError) Unwrap() error { return e.err }

// within adds to an error where in a folder it happened.
func within(name string, err error) error {
	var e *insideError
	if errors.As(err, &e) {
		return &insideError{filepath.Join(name, e.path), e.err}
	}
	return &insideError{name, err}
}

// Show is a name as a message shows it: quoted if it has bytes that are no
// text, or that would do something to a terminal.
func Show(name string) string {
	if name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return name
	}
	return strconv.Quote(name)
}
