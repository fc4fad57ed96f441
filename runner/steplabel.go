package runner

import (
	"fmt"
	"strconv"
	"strings"
)

// StepLabel is how a user names a step that the builder names: by its stage and number,
// such as build-3, or only its number in a Dockerfile whose only stage has no name. It is
// "" of what is not a step of a Dockerfile.
func StepLabel(name string) string {
	inside, _, ok := strings.Cut(strings.TrimPrefix(name, "["), "] ")
	words := strings.Fields(inside)
	if !ok || !strings.HasPrefix(name, "[") || len(words) == 0 {
		return ""
	}
	nth, _, _ := strings.Cut(words[len(words)-1], "/")
	n, err := strconv.Atoi(nth)
	if err != nil || !strings.Contains(words[len(words)-1], "/") {
		return ""
	}
	for _, w := range words[:len(words)-1] {
		if !strings.Contains(w, "/") { // a platform has one
			return fmt.Sprintf("%s-%d", w, n)
		}
	}
	return strconv.Itoa(n)
}
