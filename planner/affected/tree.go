package affected

import (
	"bytes"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/planner/inputs"
)

// Tree has a plan read its contexts from git's objects: what stands for the
// content of a file is the name of its blob.
type Tree struct{ *gittree.Tree }

// List returns what a folder holds.
func (t Tree) List(dir string) ([]inputs.Entry, error) {
	list, err := t.Tree.List(dir)
	var out []inputs.Entry
	for _, e := range list {
		one := inputs.Entry{Name: e.Name, Mode: e.Mode}
		switch {
		case e.Mode&fs.ModeSymlink != 0:
			if one.Link, err = t.Link(filepath.Join(dir, e.Name)); err != nil {
				return nil, err
			}
		case e.Mode.IsRegular():
			one.Stamp = stamp(e.Blob + t.Attributes(filepath.Join(dir, e.Name)))
		}
		out = append(out, one)
	}
	return out, err
}

// Open opens what stands for a file.
func (t Tree) Open(path string) (inputs.Content, error) {
	blob, err := t.Blob(path)
	if err != nil {
		return nil, err
	}
	blob += t.Attributes(path)
	return blobName{bytes.NewReader([]byte(blob)), blob}, nil
}

func stamp(blob string) inputs.Stamp { return inputs.Stamp{Size: int64(len(blob))} }

type blobName struct {
	io.Reader
	blob string
}

func (blobName) Close() error                   { return nil }
func (b blobName) Stamp() (inputs.Stamp, error) { return stamp(b.blob), nil }
