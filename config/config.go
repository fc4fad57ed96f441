// Package config turns the blocks of package schema into plain values: the
// targets, groups and variables of one definition, with variables, functions,
// matrices, inheritance, merged files and overrides all applied. Compose and
// JSON files are further front doors to the same values.
//
// What comes out holds no expression any more, and no string whose kind has to
// be guessed again: a context is read once into a Context and keeps its kind.
//
// The package joins the files of a definition, with those that they import, follows
// what targets inherit and link to, and picks what is asked for. How expressions
// are evaluated, package eval knows; what blocks hold, package block; and how the
// values of a target become a Target, package decide. Their results, and the types
// that callers hand in, have their names here too.
//
// The package knows nothing of Dockerfiles, of BuildKit or of a terminal. It
// reads files only through what its caller hands in.
package config

import (
	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/decide"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/config/spec"
)

// Config is a resolved definition, cut down to what was asked for.
type Config struct {
	// Targets holds every chosen target and every target that these link to,
	// in the order of their names.
	Targets []*spec.Target
	// Groups holds the groups on the way from what was asked, and "default",
	// in the order of their names.
	Groups []*Group
	// Chosen names the targets that were asked for, directly or through a
	// group, in the order of their names. A linked target that nobody asked
	// for is in Targets but not here.
	Chosen []string
	// Sources maps the name of each file that was read to its bytes, so that
	// a diagnostic can show the line it is about.
	Sources map[string][]byte
	// Lock says what is locked of what the targets take from outside; nil is no
	// lock.
	Lock *lock.Lock
	// LockAge says how old its entries may be.
	LockAge decide.LockAge
	// Unpinned is where the definition was fetched from, if neither the lock nor the
	// URL says which one that is.
	Unpinned string

	// sensitive lists the values of sensitive variables, and secrets those that
	// targets hold without one; neither must be shown.
	sensitive, secrets []string
	// written holds the values of the targets as they were decided, for
	// printing: a Target cannot tell "" from not written.
	written map[string]attribute.Values
	// environment holds what the variables took from the environment.
	environment map[string]EnvVar
}

// Target returns the target of that name, or nil.
func (c *Config) Target(name string) *spec.Target {
	for _, t := range c.Targets {
		if t.Name == name {
			return t
		}
	}
	return nil
}
