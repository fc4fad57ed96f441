// Package plannertest has definitions and files for the tests of package planner
// and its parts: a file system in memory, definitions in a small form of JSON,
// projects of any size, and one on disk that has something of everything. It
// knows nothing of plans, so that the tests of every part may use it.
package plannertest

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing/fstest"
)

// Files is a file system in memory, whose root is the working directory /w.
type Files fstest.MapFS

func clean(name string) string {
	name = path.Clean(filepath.ToSlash(name))
	if rel, ok := strings.CutPrefix(name, "/w"); ok {
		name = path.Clean("." + rel)
	}
	return name
}

// ReadFile returns the bytes of a file.
func (m Files) ReadFile(name string) ([]byte, error) {
	return fs.ReadFile(fstest.MapFS(m), clean(name))
}

// Stat describes a file.
func (m Files) Stat(name string) (fs.FileInfo, error) { return fs.Stat(fstest.MapFS(m), clean(name)) }

// ReadDir lists a directory.
func (m Files) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(fstest.MapFS(m), clean(name))
}
