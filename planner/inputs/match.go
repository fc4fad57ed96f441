package inputs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// matcher says which paths a list of patterns matches, exactly as
// patternmatcher.MatchesUsingParentResults does for BuildKit, but without
// looking at every pattern for every path: plain ones are found by name. The
// others are left to that library, one by one.
type matcher struct {
	negated []bool
	exact   map[string][]int // paths
	base    map[string][]int // names after a leading "**/"
	rest    []wildcard       // in order
	// under holds the others that match only below a folder at the
	// root, by its name.
	under map[string][]wildcard
	// below holds what is before the first wildcard of each negated
	// pattern; "" if one of them may match anywhere.
	below []string
}

// wildcard is a pattern that has to be tried.
type wildcard struct {
	index          int
	prefix, suffix string // what any match starts and ends with
	pattern        *patternmatcher.PatternMatcher
}

// noParent is what a parent directory hands on that one pattern does not
// match.
var noParent = func() patternmatcher.MatchInfo {
	m, err := patternmatcher.New([]string{"a"})
	if err != nil {
		panic(err) // the pattern is valid
	}
	_, info, _ := m.MatchesUsingParentResults("b", patternmatcher.MatchInfo{})
	return info
}()

const special = `*?[]\`

func newMatcher(patterns []string) (*matcher, error) {
	m := &matcher{exact: map[string][]int{}, base: map[string][]int{}, under: map[string][]wildcard{}}
	all, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	for i, p := range all.Patterns() {
		text := filepath.ToSlash(p.String())
		m.negated = append(m.negated, p.Exclusion())
		if p.Exclusion() {
			m.below = append(m.below, above(text))
		}
		switch name, ok := strings.CutPrefix(text, "**/"); {
		case !strings.ContainsAny(text, special):
			m.exact[text] = append(m.exact[text], i)
		case ok && name != "" && !strings.ContainsAny(name, special+"/"):
			m.base[name] = append(m.base[name], i)
		case filepath.ToSlash(filepath.Clean(text)) != text:
			// It is as it was written behind a "!", and no path is like that.
		default:
			w, err := newWildcard(i, text)
			if err != nil {
				return nil, err
			}
			if first, _, ok := strings.Cut(w.prefix, "/"); ok {
				m.under[first] = append(m.under[first], w)
			} else {
				m.rest = append(m.rest, w)
			}
		}
	}
	return m, nil
}

// above is the directory that all matches of a pattern are in or below, with a
// slash at the end, or "".
func above(text string) string {
	if i := strings.IndexAny(text, special+"^"); i >= 0 {
		text = text[:i]
		return text[:strings.LastIndexByte(text, '/')+1]
	}
	return text + "/"
}

// IsPattern says whether the builder can read a text as a pattern of files.
func IsPattern(text string) bool {
	_, err := newMatcher([]string{text})
	return err == nil
}

func newWildcard(i int, text string) (wildcard, error) {
	w := wildcard{index: i, prefix: text, suffix: text}
	if at := strings.IndexAny(text, special); at >= 0 {
		w.prefix = text[:at]
	}
	w.suffix = afterSpecial(text)
	if strings.HasPrefix(text, "!") || strings.HasPrefix(text, " ") {
		text = `\` + text // a second "!" is part of the name
	}
	var err error
	if w.pattern, err = patternmatcher.New([]string{text}); err != nil {
		return w, err
	}
	// The first use compiles it; all others only read.
	if _, err := w.try("a"); err != nil {
		return w, fmt.Errorf("pattern %q: %w", text, err)
	}
	return w, nil
}

// afterSpecial is what is behind the last special character of a pattern,
// and so at the end of every match.
func afterSpecial(text string) string {
	at := strings.LastIndexAny(text, special)
	suffix := text[at+1:]
	switch {
	case text[at] == '\\' && suffix != "":
		// What is escaped may be any character, of any length.
		return ""
	case strings.HasSuffix(text[:at+1], "**"):
		return strings.TrimPrefix(suffix, "/")
	}
	return suffix
}

func (w *wildcard) try(path string) (bool, error) {
	ok, _, err := w.pattern.MatchesUsingParentResults(path, noParent)
	return ok, err
}

// match says whether a path is matched, and which patterns match it or a
// directory above it; parent is the latter of its directory.
func (m *matcher) match(path string, parent []int) (bool, []int) {
	if len(m.negated) == 0 {
		return false, nil
	}
	known := parent
	exact, base := m.exact[path], m.base[path[strings.LastIndexByte(path, '/')+1:]]
	if len(exact)+len(base) > 0 {
		known = slices.Concat(parent, exact, base)
		slices.Sort(known)
		known = slices.Compact(known)
	}
	s := matching{matcher: m, path: path, parent: parent}
	rest := m.wildcards(path)
	for _, i := range known {
		for len(rest) > 0 && rest[0].index < i {
			s.rest(&rest[0])
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0].index == i {
			rest = rest[1:] // the parent matched it
		}
		s.known(i)
	}
	for i := range rest {
		s.rest(&rest[i])
	}
	return s.matched, s.which
}

// wildcards returns the patterns that have to be tried for a path, in order.
func (m *matcher) wildcards(path string) []wildcard {
	first, _, _ := strings.Cut(path, "/")
	under := m.under[first]
	if len(under) == 0 {
		return m.rest
	}
	all := slices.Concat(m.rest, under)
	slices.SortFunc(all, func(a, b wildcard) int { return a.index - b.index })
	return all
}

// matching is one path on its way through the patterns.
type matching struct {
	*matcher
	path    string
	parent  []int // those still to come
	matched bool
	which   []int
}

// known takes a pattern that matches the path or a directory above it. As in
// the library, one that would change nothing is only noted if it is from
// above.
func (s *matching) known(i int) {
	for len(s.parent) > 0 && s.parent[0] < i {
		s.parent = s.parent[1:]
	}
	inherited := len(s.parent) > 0 && s.parent[0] == i
	if !inherited && s.negated[i] != s.matched {
		return
	}
	s.which = append(s.which, i)
	s.matched = !s.negated[i]
}

func (s *matching) rest(w *wildcard) {
	if s.negated[w.index] != s.matched || !strings.HasPrefix(s.path, w.prefix) || !strings.HasSuffix(s.path, w.suffix) {
		return
	}
	if ok, err := w.try(s.path); err == nil && ok {
		s.which = append(s.which, w.index)
		s.matched = !s.negated[w.index]
	}
}

// mayHold says whether some path below a directory that is matched may not be
// matched.
func (m *matcher) mayHold(dir string) bool {
	dir += "/"
	for _, b := range m.below {
		if strings.HasPrefix(b, dir) || strings.HasPrefix(dir, b) {
			return true
		}
	}
	return false
}

// Ignored says whether patterns of an ignore file leave out a path, whether or not
// it is there. Patterns that cannot be read leave out nothing.
func Ignored(patterns []string, path string) bool {
	m, err := newMatcher(patterns)
	if err != nil {
		return false
	}
	var ignored bool
	var matched []int
	for i := range len(path) + 1 {
		if i == len(path) || path[i] == '/' {
			ignored, matched = m.match(path[:i], matched)
		}
	}
	return ignored
}
