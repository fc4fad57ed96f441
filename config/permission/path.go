package permission

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 255

// RealPath returns where a path leads when it is opened: absolute and without
// symbolic links. What does not exist yet stays as it is written. Unlike
// filepath.EvalSymlinks it takes ".." behind a link as the system does, and
// follows a link to nothing, because writing to it makes what it points to.
func RealPath(path string) (string, error) {
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

// within says whether a path is a folder or something in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// shortPath returns a path from the working directory if at most one ".."
// leads to it.
func shortPath(path, wd string) string {
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..")) {
		return path
	}
	return rel
}
