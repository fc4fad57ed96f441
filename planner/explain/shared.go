package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostWith bounds how many targets are named that have a cause in common: each of
// many naming all the others makes a list that nobody reads.
const mostWith = 10

// shared finds the targets that have causes in common: comparing each with each
// takes too long where they are many.
type shared struct {
	by     map[causeKey][]string // targets, by what they have as a cause
	linked map[string][]string   // targets, by the one that they are built on
	// unions are the targets that have one of some causes, by these.
	unions map[string][]string
}

// causeKey is equal for causes that are the same.
type causeKey struct{ kind, name, place, old, new string }

func keyOf(c *Cause) causeKey { return causeKey{c.Kind, c.Name, c.Place, c.Old, c.New} }

// share indexes the causes of targets.
func share(causes map[string][]*Cause) shared {
	s := shared{by: map[causeKey][]string{}, linked: map[string][]string{}, unions: map[string][]string{}}
	for _, target := range slices.Sorted(maps.Keys(causes)) {
		for _, c := range causes[target] {
			s.by[keyOf(c)] = append(s.by[keyOf(c)], target)
			if c.Kind == Linked {
				s.linked[c.Name] = append(s.linked[c.Name], target)
			}
		}
	}
	return s
}

// with are the other targets that a cause of this one touches too: the first of
// them by name, and how many there are beside those.
func (s shared) with(target string, causes []*Cause) (names []string, more int) {
	all := s.union(target, causes)
	for _, other := range all {
		if other != target && len(names) < mostWith {
			names = append(names, other)
		}
	}
	if _, own := slices.BinarySearch(all, target); own {
		more--
	}
	return names, more + len(all) - len(names)
}

// union are the targets that have one of some causes, in order. Targets that have
// the same causes share it.
func (s shared) union(target string, causes []*Cause) []string {
	var key strings.Builder
	for _, c := range causes {
		fmt.Fprintf(&key, "%q ", keyOf(c))
	}
	if len(s.linked[target]) > 0 {
		fmt.Fprintf(&key, "and %q", target)
	}
	if got, ok := s.unions[key.String()]; ok {
		return got
	}
	out := slices.Clone(s.linked[target])
	for _, c := range causes {
		out = append(out, s.by[keyOf(c)]...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	s.unions[key.String()] = out
	return out
}
