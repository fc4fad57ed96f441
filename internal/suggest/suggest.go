// Package suggest finds the name that was probably meant by one that does not
// exist. It knows nothing of what is named.
package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// most is how many letters may differ at most.
const most = 3

// Name returns the known name that is most like the given one, or "" if none is
// alike. Upper and lower case count as the same letter. In short names fewer
// letters may differ.
func Name(given string, known []string) string {
	near := Near(given, known, min(most, len(given)/3+1))
	if len(near) == 0 {
		return ""
	}
	return near[0]
}

// Near returns the known names in which at most so many letters differ from the
// given one, the nearest first. One with no letter in common is not among them.
func Near(given string, known []string, letters int) []string {
	distance := map[string]int{}
	for _, k := range known {
		// The time to count goes by the lengths: nothing is like a hostile name.
		if more := utf8.RuneCountInString(given) - utf8.RuneCountInString(k); more > letters || -more > letters {
			continue
		}
		d := levenshtein.Distance(strings.ToLower(given), strings.ToLower(k), nil)
		if d <= letters && d < max(len(given), len(k)) {
			distance[k] = d
		}
	}
	near := make([]string, 0, len(distance))
	for k := range distance {
		near = append(near, k)
	}
	slices.SortFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(distance[a], distance[b]), cmp.Compare(a, b))
	})
	return near
}

// Sentence asks whether Name was meant, with a blank in front, so that it can be
// put behind another sentence; it is "" if no name is alike.
func Sentence(given string, known []string) string {
	if name := Name(given, known); name != "" {
		return fmt.Sprintf(" Did you mean %q?", name)
	}
	return ""
}
