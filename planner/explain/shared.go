package explain

import (
	"maps"
	"slices"
)

// shared finds the targets that have causes in common: comparing each with each
// takes too long where they are many.
type shared struct {
	by     map[causeKey][]string // targets, by what they have as a cause
	linked map[string][]string   // targets, by the one that they are built on
}

// causeKey is equal for causes that are the same.
type causeKey struct{ kind, name, place, old, new string }

func keyOf(c *Cause) causeKey { return causeKey{c.Kind, c.Name, c.Place, c.Old, c.New} }

// share indexes the causes of targets.
func share(causes map[string][]*Cause) shared {
	s := shared{by: map[causeKey][]string{}, linked: map[string][]string{}}
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

// with are the other targets that a cause of this one touches too.
func (s shared) with(target string, causes []*Cause) []string {
	out := slices.Clone(s.linked[target])
	for _, c := range causes {
		out = append(out, s.by[keyOf(c)]...)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(other string) bool { return other == target })
}
