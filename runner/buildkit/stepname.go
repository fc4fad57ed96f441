package buildkit

import (
	"strconv"
	"strings"
)

// stepName is what BuildKit's frontend writes in front of a step:
// "[base 2/4] RUN …", "[linux/amd64->arm64 base  2/14] RUN …" if several
// platforms are built, and "[2/4] RUN …" where a Dockerfile has one stage.
type stepName struct {
	platform string // with the platform that is built for, if that is another
	stage    string // "" for the only stage of a Dockerfile
	count    string // "2/4"
	text     string // what stands behind the brackets
}

// parseStepName takes the name of a step apart. Other vertices, such as
// "[internal] …" and "[context src] …", are no steps.
func parseStepName(name string) (stepName, bool) {
	inside, text, ok := strings.Cut(strings.TrimPrefix(name, "["), "] ")
	if !ok || !strings.HasPrefix(name, "[") {
		return stepName{}, false
	}
	words := strings.Fields(inside)
	if len(words) == 0 || len(words) > 3 || !isCount(words[len(words)-1]) {
		return stepName{}, false
	}
	s := stepName{count: words[len(words)-1], text: text}
	for _, w := range words[:len(words)-1] {
		if strings.Contains(w, "/") {
			s.platform = w
		} else {
			s.stage = w
		}
	}
	return s, true
}

// isCount says whether a text is like "2/4".
func isCount(s string) bool {
	n, of, ok := strings.Cut(s, "/")
	const digits = "0123456789"
	return ok && n != "" && of != "" && strings.Trim(n, digits) == "" && strings.Trim(of, digits) == ""
}

// label is the name without what is done, in one way of writing.
func (s stepName) label() string {
	out := s.count
	if s.stage != "" {
		out = s.stage + " " + out
	}
	if s.platform != "" {
		out = s.platform + " " + out
	}
	return out
}

// place is the number of the step in its stage, and how many there are.
func (s stepName) place() (nth, of int) {
	first, last, _ := strings.Cut(s.count, "/")
	nth, _ = strconv.Atoi(first)
	of, _ = strconv.Atoi(last)
	return nth, of
}
