// Package files has what a definition may ask of the files of a machine, and finds
// those that an import block names.
//
// It reads nothing by itself: whoever calls it hands in a Files, which may be this
// machine or the tree of a remote definition. It does not know what is in a file.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Files is where imported files are read from: this machine, or the tree of a
// remote definition. Relative names start where the names of the definition's own
// files do.
type Files interface {
	ReadFile(name string) ([]byte, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// RealPath is the name without symbolic links, by which two names of one
	// file are reported.
	RealPath(name string) (string, error)
}

// Stdin is the name of a definition that comes over standard input.
const Stdin = "<stdin>"

// ErrNotGranted is the kind of error of a Files, a Host or a reader of Compose
// files that may not read a file for the definition.
var ErrNotGranted = errors.New("not granted")

// Host is what a definition needs to know about files of this machine.
type Host interface {
	Stat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
}

// Plain returns an error of a file system without the operation in front, which says
// nothing to the user.
func Plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("reading %s: %w", filepath.ToSlash(pe.Path), pe.Err)
	}
	return err
}
