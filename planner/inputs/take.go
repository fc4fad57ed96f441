package inputs

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner"
)

// takeKey is equal for takes of the same files.
func takeKey(t *planner.Take) string {
	if t == nil {
		return ""
	}
	fields := []string{"take"}
	if t.Parents {
		fields = append(fields, "parents")
	}
	if t.Mount {
		fields = append(fields, "mount")
	}
	fields = append(append(fields, t.Sources...), "")
	return framed.Sum(append(fields, t.Exclude...)...)
}

// selection is what a take finds in a view.
type selection struct {
	roots []taken
	// missing holds the sources that the builder will not find.
	missing []string
	// unmatched holds the sources with wildcards that match nothing.
	unmatched []Pattern

	known *sums
}

// Pattern is a source with wildcards that matches nothing. The builder takes
// it for nothing to copy, but only if it was sent the directory that the
// wildcards look into.
type Pattern struct {
	Source, Dir string
}

// taken is one file or directory that a take finds.
type taken struct {
	path string // in the context, links followed
	// named is the path that a query meant, before links are followed.
	named string
	item  item
	// some holds what is taken of a directory, in order, if not all.
	some    []picked
	partial bool
}

type picked struct {
	path string
	item item
}

// selects finds what a take takes, by the rules of the builder's copies.
func (v *View) selects(t *planner.Take) *selection {
	s := &selecting{View: v, take: t}
	if t == nil {
		s.root("")
		return &s.selection
	}
	for _, src := range t.Sources {
		if err := s.source(filepath.ToSlash(src)); err != nil {
			s.missing = append(s.missing, src)
		}
	}
	return &s.selection
}

type selecting struct {
	*View
	take *planner.Take
	selection
	include, excluded *matcher
}

// source finds one source of COPY, ADD or a mount.
func (s *selecting) source(src string) error {
	if s.take.Mount {
		return s.root(src)
	}
	var err error
	if s.excluded, err = newMatcher(s.take.Exclude); err != nil {
		return err
	}
	if s.take.Parents {
		return s.withParents(src)
	}
	matches, dir, err := s.matches(cleanPath(src))
	if err != nil {
		return err
	}
	if len(matches) == 0 {
		s.unmatched = append(s.unmatched, Pattern{src, dir})
	}
	for _, m := range matches {
		if err := s.root(m); err != nil {
			return err
		}
	}
	return nil
}

// withParents finds what --parents takes: the source is a pattern, from the
// root or from where "/./" is.
func (s *selecting) withParents(src string) error {
	base, pattern, ok := strings.Cut(src, "/./")
	if !ok {
		base, pattern = "/", src
	}
	pattern = cleanPath(pattern)
	if !HasWildcard(src) {
		// The builder looks for a plain path without following links to it.
		if dir := path.Dir(cleanPath(src)); s.linked(dir) {
			return fs.ErrNotExist
		}
	}
	include, err := newMatcher([]string{pattern})
	if err != nil {
		return err
	}
	matches, dir, err := s.matches(cleanPath(base))
	if err != nil {
		return err
	}
	s.include = include
	defer func() { s.include = nil }()
	before := len(s.roots)
	for _, m := range matches {
		if err := s.root(m); err != nil {
			return err
		}
	}
	if cleanPath(base) == "" && slices.ContainsFunc(s.roots[before:], s.danglingAtTop) {
		return fs.ErrNotExist
	}
	some := slices.ContainsFunc(s.roots[before:], func(t taken) bool { return len(t.some) > 0 })
	if !some {
		s.roots = s.roots[:before]
	}
	switch {
	case some:
	case HasWildcard(base) || HasWildcard(pattern):
		s.unmatched = append(s.unmatched, Pattern{src, dir})
	default:
		return fs.ErrNotExist
	}
	return nil
}

// danglingAtTop says whether a pattern has found a link to nothing in the context's
// top folder. There the builder follows what it finds, and further down it does not.
func (s *selecting) danglingAtTop(t taken) bool { return s.firstDangling(t) != "" }

func (s *selecting) firstDangling(t taken) string {
	for _, p := range t.some {
		if p.item.Mode&fs.ModeSymlink == 0 || strings.Contains(p.path, "/") {
			continue
		}
		if real, err := s.Follow(p.path); err != nil {
			return p.path
		} else if _, ok := s.at(real); !ok {
			return p.path
		}
	}
	return ""
}

// linked says whether a folder is behind symbolic links.
func (s *selecting) linked(dir string) bool {
	real, err := s.Follow(dir)
	return err != nil || real != cleanPath(dir)
}

// root takes one path, with what is below it.
func (s *selecting) root(name string) error {
	real, err := s.Follow(name)
	if err != nil {
		return err
	}
	it, ok := s.at(real)
	if !ok {
		return fs.ErrNotExist
	}
	t := taken{path: real, item: it}
	switch {
	case it.dir == nil || s.shallow && s.include == nil:
	case s.include != nil || s.excluded != nil && len(s.excluded.negated) > 0:
		t.partial = true
		s.pick(&t, it.dir, "", nil, nil, nil)
	default:
		s.load(it.dir)
	}
	s.roots = append(s.roots, t)
	return nil
}

// pick takes what the patterns leave of a directory, and the directories above
// what it takes. The patterns start from where the copy does.
func (s *selecting) pick(t *taken, d *viewed, rel string, included, excluded []int, pending []picked) []picked {
	for _, it := range s.list(d) {
		p := picked{path: join(d.path, it.Name), item: it}
		name := join(rel, it.Name)
		take, without := true, false
		var in, ex []int
		if s.include != nil {
			take, in = s.include.match(name, included)
		}
		if s.excluded != nil {
			without, ex = s.excluded.match(name, excluded)
		}
		take = take && !without
		if it.dir == nil && !take {
			continue
		}
		pending = append(pending, p)
		if take {
			t.some = append(t.some, pending...)
			pending = pending[:0]
		}
		if it.dir == nil || without && !s.excluded.mayHold(name) {
			if !take {
				pending = pending[:len(pending)-1]
			}
			continue
		}
		pending = s.pick(t, it.dir, name, in, ex, pending)
		if n := len(pending); n > 0 && pending[n-1].path == p.path {
			pending = pending[:n-1]
		}
	}
	return pending
}

// matches returns the paths that a source means, in order, and the directory
// that its wildcards look into, which is the one before the first.
func (s *selecting) matches(src string) (list []string, dir string, err error) {
	parts := strings.Split(src, "/")
	first := slices.IndexFunc(parts, HasWildcard)
	if first < 0 {
		return []string{src}, src, nil
	}
	if dir, err = s.Follow(path.Join(parts[:first]...)); err != nil {
		return nil, dir, err
	}
	it, ok := s.at(dir)
	if !ok || it.dir == nil {
		return nil, dir, fs.ErrNotExist
	}
	w := walking{selecting: s, pattern: strings.Join(parts[first:], "/")}
	// A class such as [^a] matches a slash too.
	w.depth = len(parts) - first + strings.Count(w.pattern, "[")
	w.walk(it.dir, "", 1)
	return w.found, dir, nil
}

type walking struct {
	*selecting
	pattern string
	depth   int
	found   []string
}

func (w *walking) walk(d *viewed, rel string, depth int) {
	for _, it := range w.list(d) {
		name := join(rel, it.Name)
		if ok, err := filepath.Match(filepath.FromSlash(w.pattern), filepath.FromSlash(name)); ok && err == nil {
			w.found = append(w.found, join(d.path, it.Name))
		} else if it.dir != nil && depth < w.depth {
			w.walk(it.dir, name, depth+1)
		}
	}
}

// HasWildcard says whether the builder takes a name for a pattern.
func HasWildcard(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}
