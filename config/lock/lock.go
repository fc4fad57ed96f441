// Package lock reads and writes orch.lock.hcl: what the targets of a definition
// take from outside, and what each of it meant when it was looked up.
//
// The package knows the format and what a name is locked to. It does not know
// what targets are, asks nobody what a name means now, and applies nothing.
package lock

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/internal/fault"
)

// FileName is the name of a lock, which is beside the definition.
const FileName = "orch.lock.hcl"

// Version is the version of the format.
const Version = 1

// Kind is what sort of thing an entry locks; it is the name of its block.
type Kind string

// The kinds, in the order in which they are written.
const (
	Image      Kind = "image"      // a tag of an image
	Frontend   Kind = "frontend"   // the image of a frontend, of a syntax line
	Git        Kind = "git"        // a ref of a repository, as URL#REF
	HTTP       Kind = "http"       // a file on a server
	Layout     Kind = "layout"     // a tag in an OCI layout folder, as PATH:TAG
	Definition Kind = "definition" // where the definition itself comes from
)

// Kinds lists all kinds, in the order in which they are written.
var Kinds = []Kind{Image, Frontend, Git, HTTP, Layout, Definition}

// Words is what the kind is called in a sentence.
func (k Kind) Words() string {
	switch k {
	case Git:
		return "repository"
	case HTTP:
		return "file"
	case Layout:
		return "OCI layout"
	default:
		return string(k)
	}
}

// Key names an entry.
type Key struct {
	Kind Kind
	Name string
}

// String is the key in words.
func (k Key) String() string { return string(k.Kind) + " " + k.Name }

// Entry is one thing from outside.
type Entry struct {
	Key
	// Digest is what the name is locked to: a digest, or the commit of a
	// repository.
	Digest string
	// Platforms are the digests of an image's manifests, by their platforms:
	// those for which targets take it.
	Platforms map[string]string
	// Resolved is when Digest was looked up.
	Resolved time.Time
	// UsedBy says which targets take it and which Dockerfile says so.
	UsedBy []string
	// Range is where the entry is written; empty of one that was made.
	Range fault.Range
}

// Source is what the entry locks as a source of a builder: a definition from elsewhere
// is a repository or a file.
func (e *Entry) Source() Key {
	switch {
	case e.Kind != Definition:
		return e.Key
	case commit.MatchString(e.Digest):
		return Key{Git, e.Name}
	default:
		return Key{HTTP, e.Name}
	}
}

// Lock is what a file holds. A nil Lock has nothing.
type Lock struct {
	// Name is the file's name.
	Name string
	// Definition is what the lines of UsedBy call the definition that the lock was read
	// for; "" is one with the usual name.
	Definition string

	entries map[Key]*Entry
}

// New returns an empty lock.
func New(name string) *Lock { return &Lock{Name: name, entries: map[Key]*Entry{}} }

// Put enters an entry, in the place of an older one.
func (l *Lock) Put(e Entry) {
	e.Name = Canonical(e.Kind, e.Name)
	l.entries[e.Key] = &e
}

// Remove takes an entry out.
func (l *Lock) Remove(k Key) { delete(l.entries, k) }

// Get returns the entry of a name, or nil.
func (l *Lock) Get(kind Kind, name string) *Entry {
	if l == nil {
		return nil
	}
	return l.entries[Key{kind, Canonical(kind, name)}]
}

// Entries lists what is locked, by kind and name.
func (l *Lock) Entries() []*Entry {
	if l == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(l.entries), func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)), strings.Compare(a.Name, b.Name))
	})
}

// Len is how many entries there are.
func (l *Lock) Len() int {
	if l == nil {
		return 0
	}
	return len(l.entries)
}

// ImageDigest returns what the name of an image is locked to, or "". A name with
// a digest of its own needs no lock.
func (l *Lock) ImageDigest(name string) string {
	if l == nil || strings.Contains(name, "@") {
		return ""
	}
	for _, kind := range []Kind{Image, Frontend} {
		if e := l.Get(kind, name); e != nil {
			return e.Digest
		}
	}
	return ""
}

// Canonical is the one form of a name that an entry has: an image has its
// registry and its tag.
func Canonical(kind Kind, name string) string {
	if kind != Image && kind != Frontend {
		return name
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.TagNameOnly(named).String()
}

// SplitDigest parts the name of an image from the digest that it is written with;
// "" is none.
func SplitDigest(name string) (plain, digest string) {
	plain, digest, _ = strings.Cut(name, "@")
	return plain, digest
}

// LayoutName is the name of an OCI layout, seen from the folder of the lock.
func (l *Lock) LayoutName(value string) string {
	dir := "."
	if l != nil {
		dir = filepath.Dir(l.Name)
	}
	from, err := filepath.Abs(dir)
	to, err2 := filepath.Abs(value)
	if err != nil || err2 != nil {
		return filepath.ToSlash(value)
	}
	if rel, err := filepath.Rel(from, to); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(value)
}

// GitName is the name of a ref of a repository: "" is its default branch.
func GitName(remote, ref string) string {
	if ref == "" {
		return remote
	}
	return remote + "#" + ref
}

// SplitGit takes a name apart that GitName has made.
func SplitGit(name string) (remote, ref string) {
	remote, ref, _ = strings.Cut(name, "#")
	return remote, ref
}
