package planner

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// imageName is the reference of an image as written, read once.
type imageName struct {
	full    string // "docker.io/library/alpine:latest"
	short   string // "alpine:latest"
	context string // the name of a context that stands for it
	err     error
}

func (vs *vertices) imageName(s string) imageName {
	if n, ok := vs.refs[s]; ok {
		return n
	}
	var n imageName
	ref, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		n.err = err
	} else {
		ref = reference.TagNameOnly(ref)
		n.full, n.short = ref.String(), reference.FamiliarString(ref)
		n.context = strings.TrimSuffix(n.short, ":latest")
	}
	vs.refs[s] = n
	return n
}

func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
