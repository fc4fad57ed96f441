//go:build !unix

package inputs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func listDisk(dir string) ([]Entry, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, 0, len(names))
	for _, n := range names {
		info, err := n.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // one that has gone since is not there
		}
		if err != nil {
			return nil, err
		}
		e := Entry{Name: n.Name(), Mode: info.Mode()}
		switch {
		case e.Mode&fs.ModeSymlink != 0:
			if e.Link, err = os.Readlink(filepath.Join(dir, e.Name)); err != nil {
				return nil, err
			}
			e.Link = filepath.ToSlash(e.Link)
		case e.Mode.IsRegular():
			e.Stamp = newStamp(info)
		}
		out = append(out, e)
	}
	sortEntries(out)
	return out, nil
}

func newStamp(info fs.FileInfo) Stamp {
	return Stamp{Size: info.Size(), MTime: info.ModTime().UnixNano(), Mode: uint32(info.Mode())}
}

type diskFile struct{ *os.File }

func openDisk(path string) (Content, error) {
	f, err := os.Open(path)
	return diskFile{f}, err
}

func (f diskFile) Stamp() (Stamp, error) {
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, err
	}
	return newStamp(info), nil
}
