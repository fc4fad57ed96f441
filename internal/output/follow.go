package output

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 255

// Real returns where a path leads when it is opened: absolute and without
// symbolic links. What does not exist yet stays as it is written. Unlike
// filepath.EvalSymlinks it takes ".." behind a link as the system does, and
// follows a link to nothing, because writing to it makes what it points to.
func Real(path string) (string, error) {
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = wd + string(filepath.Separator) + path
	}
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at, rest := root, components(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		to, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "resolving", Path: path, Err: syscall.ELOOP}
		}
		if filepath.IsAbs(to) {
			at = root
		}
		rest = append(components(to), rest...)
	}
	return at, nil
}

func components(path string) []string {
	path = strings.TrimPrefix(path, filepath.VolumeName(path))
	return strings.Split(filepath.ToSlash(path), "/")
}

// follow returns the file that a name leads to. Only links that the last part
// of the name leads through are followed; the system follows the others. It
// stops at a descriptor, which is not a link although it looks like one.
func follow(name string) (string, error) {
	path := name
	for range maxLinks {
		if _, is := descriptorOf(path); is {
			return path, nil
		}
		to, err := os.Readlink(path)
		if err != nil { // no link, or nothing at all
			return path, nil
		}
		if !filepath.IsAbs(to) {
			// Not joined: that would take ".." away from behind a link.
			dir, _ := filepath.Split(path)
			to = dir + to
		}
		path = to
	}
	return "", syscall.ELOOP
}

// descriptor is an open file of some process, named by its number.
type descriptor struct {
	number int
	own    bool // of this process
}

var descriptorFolder = lazyregexp.New(`^/proc/(\d+)(?:/task/\d+)?/fd$`)

// descriptorOf says which descriptor a path names: /dev/fd/3, /proc/self/fd/3
// and the like. The file may not be there; then the descriptor is not open.
func descriptorOf(path string) (descriptor, bool) {
	dir, base := filepath.Split(path)
	number, err := strconv.Atoi(base)
	if err != nil || number < 0 || dir == "" {
		return descriptor{}, false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return descriptor{}, false
	}
	if dir == "/dev/fd" { // where it is a file system of its own
		return descriptor{number, true}, true
	}
	m := descriptorFolder.FindStringSubmatch(dir)
	if m == nil {
		return descriptor{}, false
	}
	// This process may have another number in the table of processes that is
	// mounted here than it has for itself.
	self, _ := os.Readlink("/proc/self")
	return descriptor{number, m[1] == self}, true
}

// layoutDepth is how deep the folders of an image layout are, with those in which
// containerd keeps what is on its way.
const layoutDepth = 3

// Links returns the symbolic links in a folder of images or of a cache, whose files are
// opened by their names. Where there is no folder, there are none.
func Links(dir string) []string { return linksIn(dir, layoutDepth) }

func linksIn(dir string, depth int) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Type()&os.ModeSymlink != 0:
			out = append(out, path)
		case e.IsDir() && depth > 1:
			out = append(out, linksIn(path, depth-1)...)
		}
	}
	return out
}
