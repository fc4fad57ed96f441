package planner

import (
	"io/fs"
	"os"
)

// Files is what the planner reads: Dockerfiles, ignore files, whether a
// context is a directory, and, for a Dockerfile that is missing, the names
// beside it. Paths are the machine's; relative ones start at Options.Dir.
type Files interface {
	ReadFile(path string) ([]byte, error)
	Stat(path string) (fs.FileInfo, error)
	ReadDir(path string) ([]fs.DirEntry, error)
}

// Disk is the file system of this machine, relative paths starting from the
// working directory of the process.
type Disk struct{}

// ReadFile returns the bytes of the file.
func (Disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Stat says what the path is, symbolic links followed.
func (Disk) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

// ReadDir lists a directory in the order of its names.
func (Disk) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
