package steps

import (
	"strconv"
	"strings"
)

// Name is what BuildKit's frontend writes in front of a step:
// "[base 2/4] RUN …", "[linux/amd64->arm64 base  2/14] RUN …" if several
// platforms are built, and "[2/4] RUN …" where a Dockerfile has one stage.
type Name struct {
	Platform string // with the platform that is built for, if that is another
	Stage    string // "" for the only stage of a Dockerfile
	Count    string // "2/4"
	Text     string // what comes after the brackets
}

// ParseName takes the name of a step apart. Other vertices, such as
// "[internal] …" and "[context src] …", are not steps.
func ParseName(name string) (Name, bool) {
	inside, text, ok := strings.Cut(strings.TrimPrefix(name, "["), "] ")
	if !ok || !strings.HasPrefix(name, "[") {
		return Name{}, false
	}
	words := strings.Fields(inside)
	if len(words) == 0 || len(words) > 3 || !isCount(words[len(words)-1]) {
		return Name{}, false
	}
	s := Name{Count: words[len(words)-1], Text: text}
	for _, w := range words[:len(words)-1] {
		if strings.Contains(w, "/") {
			s.Platform = w
		} else {
			s.Stage = w
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

// Label is the name without what is done, in one way of writing.
func (s Name) Label() string {
	out := s.Count
	if s.Stage != "" {
		out = s.Stage + " " + out
	}
	if s.Platform != "" {
		out = s.Platform + " " + out
	}
	return out
}

// Place is the number of the step in its stage, and how many there are.
func (s Name) Place() (nth, of int) {
	first, last, _ := strings.Cut(s.Count, "/")
	nth, _ = strconv.Atoi(first)
	of, _ = strconv.Atoi(last)
	return nth, of
}
