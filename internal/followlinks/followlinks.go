// Package followlinks finds out where the paths of a folder lead if some of
// what they go through are symbolic links. BuildKit's client follows a link for
// the first path that goes through it only, so that what the others mean has to
// be named as well.
//
// A link never leads out of the folder: like in BuildKit, an absolute one
// starts from the folder, and ".." ends there. It knows nothing of ignore files,
// and a path that does not exist is not an error.
package followlinks

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// most is how many links one path may go through.
const most = 40

// Paths returns paths, which are below dir and may have wildcards, with the
// links that they go through and what they mean without links. It returns the
// very same slice if there are none.
func Paths(dir string, paths []string) []string {
	r := &resolver{dir: dir, links: map[string]string{}, names: map[string][]string{}, out: map[string]bool{}}
	for _, p := range paths {
		r.follow(path.Clean(p), 0)
	}
	if len(r.out) == 0 {
		return paths
	}
	for _, p := range paths {
		r.out[p] = true
	}
	return slices.Sorted(maps.Keys(r.out))
}

type resolver struct {
	dir   string
	links map[string]string   // what a link says; "" for what is none
	names map[string][]string // of the entries of a folder
	out   map[string]bool
}

// follow looks for links in a path, which so many links have led to.
func (r *resolver) follow(p string, hops int) {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		at, rest := path.Join(parts[:i+1]...), parts[i+1:]
		if strings.ContainsAny(part, `*?[\`) {
			r.each(path.Join(parts[:i]...), part, rest, hops)
			break
		}
		if to := r.link(at); to != "" {
			r.hop(at, to, rest, hops)
			return
		}
	}
	if hops > 0 {
		r.out[p] = true
	}
}

// each follows what a pattern matches in a folder.
func (r *resolver) each(dir, pattern string, rest []string, hops int) {
	for _, name := range r.entries(dir) {
		if ok, err := path.Match(pattern, name); err != nil || !ok {
			continue
		}
		at := path.Join(dir, name)
		if to := r.link(at); to != "" {
			r.hop(at, to, rest, hops)
		} else if len(rest) > 0 {
			r.follow(path.Join(append([]string{at}, rest...)...), hops)
		}
	}
}

// hop goes where a link leads.
func (r *resolver) hop(link, to string, rest []string, hops int) {
	if hops >= most {
		return
	}
	r.out[link] = true
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(link), to)
	}
	to = strings.TrimPrefix(path.Join("/", to), "/")
	r.follow(path.Join(append([]string{".", to}, rest...)...), hops+1)
}

// link is what the link at a path says, or "".
func (r *resolver) link(at string) string {
	to, ok := r.links[at]
	if !ok {
		to, _ = os.Readlink(filepath.Join(r.dir, filepath.FromSlash(at)))
		to = filepath.ToSlash(to)
		r.links[at] = to
	}
	return to
}

// entries are the names in a folder.
func (r *resolver) entries(dir string) []string {
	names, ok := r.names[dir]
	if !ok {
		entries, _ := os.ReadDir(filepath.Join(r.dir, filepath.FromSlash(dir)))
		for _, e := range entries {
			names = append(names, e.Name())
		}
		r.names[dir] = names
	}
	return names
}
