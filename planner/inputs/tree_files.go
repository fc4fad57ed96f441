package inputs

import (
	"io/fs"

	"github.com/orch-build/orch/planner"
)

// TreeOf is what is seen of contexts through some files. Those that are no Tree,
// as in memory, have no symbolic links.
func TreeOf(f planner.Files) Tree {
	if _, ok := f.(planner.Disk); ok {
		return Disk{}
	}
	if t, ok := f.(Tree); ok {
		return t
	}
	return plainTree{f}
}

type plainTree struct{ planner.Files }

func (t plainTree) List(dir string) ([]Entry, error) {
	list, err := t.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(list))
	for _, e := range list {
		if e.Type()&fs.ModeSymlink == 0 {
			out = append(out, Entry{Name: e.Name(), Mode: e.Type()})
		}
	}
	sortEntries(out)
	return out, nil
}

func (t plainTree) Open(path string) (Content, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
}
