package inputs

import (
	"io/fs"
	"path/filepath"

	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner"
)

// Query is what one operation of a definition takes from a local context: the
// source of a copy, or of a bind mount.
type Query struct {
	Path     string   // in the context, with slashes; "" is all of it
	Wildcard bool     // as COPY has them
	Include  []string // patterns from Path, as --parents makes them
	Exclude  []string // likewise, of --exclude
}

// key is equal for equal queries: what is in the lists is framed.
func (q *Query) key() string {
	fields := []string{"query", q.Path, "", "include"}
	if q.Wildcard {
		fields[2] = "wildcard"
	}
	for _, p := range q.Include {
		fields = append(fields, "+"+p)
	}
	fields = append(fields, "exclude")
	for _, p := range q.Exclude {
		fields = append(fields, "-"+p)
	}
	return framed.Sum(fields...)
}

// Selection is what a query finds.
type Selection struct {
	found *selection
	err   error
}

// Selected is one thing that a query finds.
type Selected struct {
	// Root is the path that the query meant, by the name that its wildcards
	// found, and Path where it is in the context, links followed.
	Root, Path string
	Mode       fs.FileMode
	Link       string // where a symbolic link points to
	// Sum is the SHA-256 of a regular file. It is nil if Err says why.
	Sum *[32]byte
	// Stamp tells hard links and devices apart.
	Stamp Stamp
	Err   error
	// Above is true for a folder that is only there because something in it is
	// taken.
	Above bool
}

// Contexts opens the local contexts of a plan for Select.
func Contexts(p *planner.Plan, opt Options) *Reads {
	r := newReads(p, opt)
	for _, v := range p.Graph.Vertices {
		if v.Local != nil {
			r.open(v)
		}
	}
	return r
}

// Select finds what a query takes from a local context. The sums of its files
// are there once Hash was called. A context that no stage of the plan reads is
// opened too.
func (r *Reads) Select(l *planner.Local, q Query) *Selection {
	key := foundKey{l, q.key()}
	if s, ok := r.queried[key]; ok {
		return s
	}
	out := &Selection{}
	r.queried[key] = out
	v := r.views[l]
	if v == nil {
		if v, out.err = r.view(l); out.err != nil {
			return out
		}
	}
	out.found, out.err = v.query(q)
	if out.found != nil {
		r.extra[l.Dir] = append(r.extra[l.Dir], out.found)
	}
	return out
}

// Hash computes the sums of all files that were selected, and returns how many
// had to be read for it.
func (r *Reads) Hash() int { return r.hash() }

// query finds what a query takes, by the rules of the builder's copies.
func (v *View) query(q Query) (*selection, error) {
	s := &selecting{View: v, take: &planner.Take{}}
	if len(q.Include) > 0 {
		include, err := newMatcher(q.Include)
		if err != nil {
			return nil, err
		}
		s.include = include
	}
	excluded, err := newMatcher(q.Exclude)
	if err != nil {
		return nil, err
	}
	s.excluded = excluded
	names := []string{cleanPath(filepath.ToSlash(q.Path))}
	if q.Wildcard {
		if names, _, err = s.matches(names[0]); err != nil {
			return &s.selection, nil // the folder before the wildcards is not there
		}
	}
	for _, name := range names {
		before := len(s.roots)
		if err := s.root(name); err != nil {
			s.missing = append(s.missing, name)
			continue
		}
		s.roots[before].named = name
	}
	return &s.selection, nil
}

// Err says why a context could not be read at all.
func (s *Selection) Err() error { return s.err }

// Missing lists what was not found.
func (s *Selection) Missing() []string {
	if s.found == nil {
		return nil
	}
	return s.found.missing
}

// Each calls f for all that was found, in a stable order: the roots as the
// query names them, what is in a directory behind it.
func (s *Selection) Each(f func(Selected)) {
	if s.found == nil {
		return
	}
	for i := range s.found.roots {
		t := &s.found.roots[i]
		f(selected(t.named, t.path, t.item))
		switch {
		case t.partial:
			taken := t.some
			for n, p := range taken {
				one := selected(t.named, p.path, p.item)
				one.Above = p.item.dir != nil && n+1 < len(taken) && isBelow(taken[n+1].path, p.path)
				f(one)
			}
		case t.item.dir != nil:
			t.item.dir.each(func(dir string, it item) { f(selected(t.named, it.path(dir), it)) })
		}
	}
}

func isBelow(path, dir string) bool {
	return len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

func selected(root, path string, it item) Selected {
	out := Selected{Root: root, Path: path, Mode: fs.ModeDir}
	if it.entry != nil {
		out.Mode, out.Link, out.Stamp = it.Mode, it.Link, it.Stamp
		out.Sum, out.Err = it.sum, it.fault
	}
	if it.dir != nil && it.dir.err != nil {
		out.Err = it.dir.err
	}
	return out
}
