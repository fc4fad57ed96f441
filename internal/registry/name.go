package registry

import (
	"fmt"

	"github.com/distribution/reference"
)

// Repo is a repository of a registry.
type Repo struct {
	// Domain is the registry as it is named, such as docker.io or
	// localhost:5000.
	Domain string
	// Path is the name of the repository there.
	Path string
	// Insecure allows certificates that cannot be verified, and plain HTTP.
	Insecure bool
}

func (r Repo) String() string { return r.Domain + "/" + r.Path }

// Ref is a manifest in a repository, by its tag or its digest.
type Ref struct {
	Repo
	// Tag is a tag or, with its algorithm in front, a digest.
	Tag string
}

// Name is the name of an image as somebody wrote it.
type Name struct {
	Text string
	// Insecure allows certificates that cannot be verified, and plain HTTP.
	Insecure bool
}

// Parse reads a name of which nothing else is known; see Name.Parse.
func Parse(name string) (Ref, error) { return Name{Text: name}.Parse() }

// Parse reads the name as the builder reads it: alpine is
// docker.io/library/alpine:latest.
func (n Name) Parse() (Ref, error) {
	named, err := reference.ParseNormalizedNamed(n.Text)
	if err != nil {
		return Ref{}, fmt.Errorf("the name %q: %w", n.Text, err)
	}
	ref := Ref{Repo: Repo{Domain: reference.Domain(named), Path: reference.Path(named), Insecure: n.Insecure}}
	switch named := reference.TagNameOnly(named).(type) {
	case reference.Digested:
		ref.Tag = named.Digest().String()
	case reference.Tagged:
		ref.Tag = named.Tag()
	}
	return ref, nil
}
