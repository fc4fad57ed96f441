package inputs

import (
	"path/filepath"
	"strings"

	"github.com/orch-build/orch/planner"
)

// Taken returns what an edge takes from a local context; nil if it takes nothing
// from one.
func (r *Reads) Taken(e *planner.Edge) *Selection {
	s := r.of(e)
	if s == nil {
		return nil
	}
	return &Selection{found: s}
}

// Unmatched lists the sources with wildcards that match nothing.
func (s *Selection) Unmatched() []Pattern {
	if s.found == nil {
		return nil
	}
	return s.found.unmatched
}

// Unfiltered is a context as it is on the disk, without its ignore file.
func (r *Reads) Unfiltered(l *planner.Local) *View {
	v := r.whole[l.Dir]
	if v == nil {
		v, _ = newView(r.trees[l.Dir], nil) // without patterns none is faulty
		r.whole[l.Dir] = v
	}
	return v
}

// Has reports whether there is something at a path whose links were followed.
func (v *View) Has(real string) bool {
	_, ok := v.at(real)
	return ok
}

// Dangling is a link that a source with wildcards matches and that leads
// nowhere, and where that is; "" if there is none.
func (v *View) Dangling(t *planner.Take, src string) (link, to string) {
	s := &selecting{View: v, take: t}
	if t != nil && t.Parents {
		_ = s.source(filepath.ToSlash(src)) // that nothing is found is known
		for _, root := range s.roots {
			if link = s.firstDangling(root); link != "" {
				to, _ = v.Follow(link)
				return link, to
			}
		}
		return "", ""
	}
	if !HasWildcard(src) {
		return "", ""
	}
	found, _, err := s.matches(cleanPath(src))
	if err != nil {
		return "", ""
	}
	for _, name := range found {
		real, err := v.Follow(name)
		if err != nil {
			continue
		}
		if _, ok := v.at(real); !ok {
			return name, real
		}
	}
	return "", ""
}

// Unreadable says why a directory on the way to a path could not be listed.
func (v *View) Unreadable(name string) error {
	d := &v.root
	for part := range strings.SplitSeq(name, "/") {
		it, ok := findItem(v.list(d), part)
		if !ok || it.dir == nil {
			break
		}
		d = it.dir
	}
	return d.err
}

// Names lists a directory of a view, links on the way followed.
func (v *View) Names(dir string) []string {
	real, err := v.Follow(dir)
	if err != nil {
		return nil
	}
	it, ok := v.at(real)
	if !ok || it.dir == nil {
		return nil
	}
	var out []string
	for _, e := range v.list(it.dir) {
		out = append(out, e.Name)
	}
	return out
}
