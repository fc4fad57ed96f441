package skip

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostFolder bounds how many files a folder may have that is looked through.
const mostFolder = 100_000

// errLarge says that a folder is not looked through.
var errLarge = errors.New("it has too many files to look through")

// sum is the sum of what an output has written: the bytes of a file, or all that
// is in a folder, without times and owners. In a folder everything counts, also what
// was there before: what else is written into it makes the next run build the target.
func (o Output) sum() (string, error) {
	if !o.Folder {
		return sumFile(o.Dest)
	}
	files, err := readFolder(o.Dest)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%d %s %s\n", len(name), name, files[name])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readFolder lists what is in a folder: by path, the mode and what tells contents
// apart.
func readFolder(dir string) (map[string]string, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if len(out) == mostFolder {
			return errLarge
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		case info.Mode().IsRegular():
			content, err = sumFile(path)
		}
		rel, _ := filepath.Rel(dir, path) // it is below dir
		out[filepath.ToSlash(rel)] = info.Mode().String() + " " + content
		return err
	})
	return out, err
}

// readTar lists what is in an archive as readFolder does.
func readTar(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var stream io.Reader = in
	if magic, err := in.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if stream, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	out := map[string]string{}
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		out[strings.TrimSuffix(h.Name, "/")] = fmt.Sprintf("%c %o %d:%d %s %x", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, sum.Sum(nil))
	}
}

// read is what an audit compares of an output that is written here.
func (o Output) read(path string) (Image, error) {
	var files map[string]string
	var err error
	switch kind, _, _ := strings.Cut(o.Kind, " "); {
	case o.Folder:
		files, err = readFolder(path)
	case kind == "oci" || kind == "docker":
		return ReadArchive(path)
	default:
		files, err = readTar(path)
	}
	return Image{"": Content{Files: files}}, err
}

// differs names the first file by which two outputs differ, or is "".
func differs(a, b map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(union(a, b))) {
		was, had := a[name]
		is, has := b[name]
		switch {
		case !has:
			return name + " is not there"
		case !had:
			return name + " was not there before"
		case was != is:
			return name + " is another one"
		}
	}
	return ""
}
