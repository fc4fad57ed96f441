package planner

import (
	"strings"

	"github.com/distribution/reference"
)

// scratch is the base of a stage that starts from nothing.
const scratch = "scratch"

// imageName is the reference of an image as written, read once.
type imageName struct {
	full    string // "docker.io/library/alpine:latest"
	short   string // "alpine:latest"
	context string // the name of a context that stands for it
	err     error
}

func (p *planner) imageName(s string) imageName {
	if n, ok := p.refs[s]; ok {
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
	p.refs[s] = n
	return n
}
