package attribute

import "slices"

// SortedKeys lists the keys of a map in their order. It does so for every target,
// so it asks for memory only once.
func SortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
