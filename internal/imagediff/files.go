package imagediff

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// Files is the file system that layers come to, without times. Images whose layers
// differ may have the same: a layer may hold a file again that is already below it.
type Files struct {
	layers int
	inodes int
	paths  map[string]*node
}

// node is what a path leads to. Paths that are hard links to each other have the same
// inode; a file that a layer holds again keeps the one that it has below, since whether
// it is held again depends on its time.
type node struct {
	what  string // type, mode, owner, link, content and extended attributes
	dir   bool
	layer int
	inode int
}

const (
	whiteout = ".wh."
	opaque   = whiteout + whiteout + ".opq"
)

// Apply puts a layer on top of what is there, however it is compressed. It reads all
// of it.
func (f *Files) Apply(layer io.Reader) error {
	plain, err := decompress(layer)
	if err != nil {
		return err
	}
	defer plain.Close()
	if f.paths == nil {
		f.paths = map[string]*node{}
	}
	f.layers++
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = f.entry(h, r)
		}
		if err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, plain) // what comes behind the archive
	return err
}

// entry applies an entry of the layer.
func (f *Files) entry(h *tar.Header, content io.Reader) error {
	name := path.Join("/", h.Name)
	dir, base := path.Split(name)
	switch {
	case base == opaque:
		f.removeBelow(path.Clean(dir))
		return nil
	case strings.HasPrefix(base, whiteout):
		f.remove(dir + base[len(whiteout):])
		return nil
	case h.Typeflag == tar.TypeLink:
		to := f.paths[path.Join("/", h.Linkname)]
		if to == nil {
			return fmt.Errorf("%s is a link to %s, which is not there", name, h.Linkname)
		}
		f.put(name, to)
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return err
	}
	what := fmt.Sprintf("%c %o %d:%d %q %d,%d %d %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, h.Devmajor, h.Devminor, h.Size, sum.Sum(nil))
	attributes := records(h)
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		what += fmt.Sprintf(" %q=%q", k, attributes[k])
	}
	is := &node{what: what, dir: h.Typeflag == tar.TypeDir, layer: f.layers}
	if old := f.paths[name]; old != nil && old.layer < f.layers && old.what == what {
		is.inode = old.inode
	} else {
		f.inodes++
		is.inode = f.inodes
	}
	f.put(name, is)
	return nil
}

// put puts a file in place of whatever was there. A folder keeps what is in it.
func (f *Files) put(name string, to *node) {
	if old := f.paths[name]; old != nil && old.dir && !to.dir {
		f.remove(name)
	}
	f.paths[name] = to
}

// remove removes what lower layers have at a path and below it. What the same layer
// has put there stays.
func (f *Files) remove(name string) {
	f.removeBelow(name)
	if is := f.paths[name]; is != nil && is.layer < f.layers {
		delete(f.paths, name)
	}
}

// removeBelow is remove, but a folder itself stays.
func (f *Files) removeBelow(name string) {
	if is := f.paths[name]; is != nil && !is.dir {
		if is.layer < f.layers {
			delete(f.paths, name)
		}
		return
	}
	below := strings.TrimSuffix(name, "/") + "/"
	for at, is := range f.paths {
		if is.layer < f.layers && strings.HasPrefix(at, below) {
			delete(f.paths, at)
		}
	}
}

// Differs says by which file two file systems differ; "" is by none.
func (f *Files) Differs(other *Files) string {
	first, second := f.names(), other.names()
	for _, at := range slices.Sorted(maps.Keys(union(f.paths, other.paths))) {
		a, b := f.paths[at], other.paths[at]
		switch {
		case a == nil || b == nil:
			return at + " is in one of them only"
		case a.what != b.what:
			return at + " is another one"
		case first[a.inode] != second[b.inode]:
			return at + " is a hard link in one of them only, or to another file"
		}
	}
	return ""
}

// names are the first paths of the files, by their inodes.
func (f *Files) names() map[int]string {
	out := map[int]string{}
	for at, is := range f.paths {
		if first, ok := out[is.inode]; !ok || at < first {
			out[is.inode] = at
		}
	}
	return out
}

// form matches the fields of a configuration that speak of layers and of times.
var form = lazyregexp.New(`^(rootfs|history|created)\b`)

// SameFiles says in what the images in two layouts differ, but for the form of their
// layers, times and history; "" is in nothing. Their platforms, the other fields of
// their configurations and their files count.
func SameFiles(first, second string) (string, error) {
	a, err := open(first)
	if err != nil {
		return "", err
	}
	b, err := open(second)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(union(a.platforms, b.platforms))) {
		x, y := a.platforms[name], b.platforms[name]
		if x == nil || y == nil {
			return name + " is in one of them only", nil
		}
		for _, field := range slices.Sorted(maps.Keys(union(x.config, y.config))) {
			was, had := x.config[field]
			is, has := y.config[field]
			if !form.MatchString(field) && (had != has || was != is) {
				return fmt.Sprintf("%s of the configuration for %s is another one", field, name), nil
			}
		}
		files, err := a.files(x)
		if err != nil {
			return "", err
		}
		others, err := b.files(y)
		if err != nil {
			return "", err
		}
		if text := files.Differs(others); text != "" {
			return fmt.Sprintf("%s for %s", text, name), nil
		}
	}
	return "", nil
}

// files are the files of an image for one platform.
func (img *image) files(m *manifest) (*Files, error) {
	out := &Files{}
	for i, l := range m.Layers {
		f, err := os.Open(img.blob(l.Digest))
		if err != nil {
			return nil, err
		}
		err = out.Apply(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading layer %d: %w", i+1, err)
		}
	}
	return out, nil
}
