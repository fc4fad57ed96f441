package schema

import (
	"sort"

	"github.com/agext/levenshtein"
)

// maxDistance is how many letters may differ between a name and the one that
// is offered instead of it.
const maxDistance = 3

// Suggest returns the name in known that is most like name, or "" if none is
// alike. It is what a "did you mean" offers.
func Suggest(name string, known []string) string {
	sorted := append([]string(nil), known...)
	sort.Strings(sorted)
	best, distance := "", maxDistance+1
	for _, k := range sorted {
		d := levenshtein.Distance(name, k, nil)
		if d < distance && d < len(name) && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}
