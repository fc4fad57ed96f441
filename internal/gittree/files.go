package gittree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Inside says whether a path is in the repository, and which one it is there.
func (t *Tree) Inside(name string) (string, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.cwd, name)
	}
	rel, err := filepath.Rel(t.root, name)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	if rel = filepath.ToSlash(rel); rel == "." {
		rel = ""
	}
	return rel, true
}

// at returns the entry of a path without following its last part.
func (t *Tree) at(op, name string) (*Entry, error) {
	rel, ok := t.Inside(name)
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: errors.New("outside of the repository")}
	}
	if e := t.entries[rel]; e != nil {
		return e, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// List returns what a folder holds.
func (t *Tree) List(dir string) ([]*Entry, error) {
	real, err := t.RealPath(dir)
	if err != nil {
		return nil, err
	}
	e, err := t.at("open", real)
	if err != nil {
		return nil, err
	}
	return e.children, nil
}

// Blob returns the object of a file.
func (t *Tree) Blob(name string) (string, error) {
	name, err := t.inRealFolder(name)
	if err != nil {
		return "", err
	}
	e, err := t.at("open", name)
	if err != nil {
		if rel, ok := t.Inside(name); ok && path.Base(rel) == SubmoduleName {
			if e := t.entries[parent(rel)]; e != nil {
				return e.Blob, nil
			}
		}
		return "", err
	}
	return e.Blob, nil
}

// Attributes are the blobs of the .gitattributes files that may change what git
// makes of a file.
func (t *Tree) Attributes(name string) string {
	dir := filepath.Dir(name)
	if got, ok := t.attributes.Load(dir); ok {
		return got.(string)
	}
	blobs := t.attributesOf(name)
	t.attributes.Store(dir, blobs)
	return blobs
}

func (t *Tree) attributesOf(name string) string {
	name, err := t.inRealFolder(name)
	rel, ok := t.Inside(name)
	if err != nil || !ok {
		return ""
	}
	var b strings.Builder
	for rel != "" {
		rel = parent(rel)
		if e := t.entries[path.Join(rel, ".gitattributes")]; e != nil {
			b.WriteString(" " + e.Blob)
		}
	}
	return b.String()
}

// Link returns where a symbolic link in a folder points to.
func (t *Tree) Link(name string) (string, error) {
	name, err := t.inRealFolder(name)
	if err != nil {
		return "", err
	}
	return t.link(name)
}

// inRealFolder is a path of which only the last part may be a link.
func (t *Tree) inRealFolder(name string) (string, error) {
	if rel, ok := t.Inside(name); !ok || rel == "" {
		return name, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.cwd, name)
	}
	dir, err := t.RealPath(filepath.Dir(name))
	return filepath.Join(dir, filepath.Base(name)), err
}

func (t *Tree) link(name string) (string, error) {
	e, err := t.at("readlink", name)
	if err != nil {
		return "", err
	}
	data, err := t.content(name, e)
	return string(data), err
}

// RealPath is the path without symbolic links.
func (t *Tree) RealPath(name string) (string, error) {
	const most = 40
	for range most {
		next, linked, err := t.firstLink(name)
		if err != nil || !linked {
			return next, err
		}
		name = next
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("too many symbolic links")}
}

func (t *Tree) firstLink(name string) (string, bool, error) {
	rel, ok := t.Inside(name)
	if !ok {
		return name, false, &fs.PathError{Op: "open", Path: name, Err: errors.New("outside of the repository")}
	}
	full := filepath.Join(t.root, filepath.FromSlash(rel))
	done := ""
	for rest := rel; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		at := path.Join(done, part)
		if e := t.entries[at]; e != nil && e.Mode&fs.ModeSymlink != 0 {
			to, err := t.link(filepath.Join(t.root, filepath.FromSlash(at)))
			if err != nil {
				return name, false, err
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(t.root, filepath.FromSlash(done), filepath.FromSlash(to))
			}
			return filepath.Join(to, filepath.FromSlash(rest)), true, nil
		}
		done = at
	}
	return full, false, nil
}

// ReadFile returns the bytes of a file.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	real, err := t.RealPath(name)
	if err != nil {
		return nil, err
	}
	e, err := t.at("open", real)
	if err != nil {
		return nil, err
	}
	if e.Mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return t.content(real, e)
}

func (t *Tree) content(name string, e *Entry) ([]byte, error) {
	if t.disk {
		if e.Mode&fs.ModeSymlink != 0 {
			link, err := os.Readlink(name)
			return []byte(link), err
		}
		return os.ReadFile(name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cat.read(e.Blob)
}

// Stat says what a path is, links followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	real, err := t.RealPath(name)
	if err != nil {
		return nil, err
	}
	e, err := t.at("stat", real)
	if err != nil {
		return nil, err
	}
	return info{e}, nil
}

// ReadDir lists a folder.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := t.List(name)
	var out []fs.DirEntry
	for _, e := range list {
		out = append(out, fs.FileInfoToDirEntry(info{e}))
	}
	return out, err
}

type info struct{ *Entry }

func (i info) Name() string       { return i.Entry.Name }
func (i info) Size() int64        { return 0 }
func (i info) Mode() fs.FileMode  { return i.Entry.Mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.Entry.Mode.IsDir() }
func (i info) Sys() any           { return nil }
