// Package doctor looks at what a build needs of a machine, and says what is
// wrong and what to do about it: the builder and its space, the programs that
// have credentials, proxies, versions, the clock, and whether the registries
// that a definition names can be read and written.
//
// It changes nothing and starts nothing. What a definition wants is handed to it
// as plain names (Wanted); it knows no targets and no flags.
package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Grade says how bad a finding is.
type Grade string

// The grades. A Note may be as it is meant to be; a Warning makes builds slow or
// fails some of them; with an Error no build of this definition succeeds.
const (
	OK      Grade = "ok"
	Note    Grade = "note"
	Warning Grade = "warning"
	Error   Grade = "error"
)

// Finding is one thing that was looked at.
type Finding struct {
	// About is what was looked at, such as "disk".
	About string `json:"about"`
	Grade Grade  `json:"grade"`
	// Says is what was seen, Do what to do about it.
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
}

// Machine is what is looked at. What is nil or empty is left out.
type Machine struct {
	Getenv func(string) string
	// LookPath finds a program.
	LookPath func(string) (string, error)
	Now      func() time.Time
	// Builder finds the builder that a build would use, and starts nothing.
	Builder func(context.Context) (*Builder, error)
	// DockerConfig is the folder of the docker configuration.
	DockerConfig string
	Client       *registry.Client
	// BuildKit is the version that is linked in.
	BuildKit string
	Wanted   Wanted
}

// Builder is the builder that was found.
type Builder struct {
	Name string
	// Reason is why it is the one that is used.
	Reason string
	// Embedded says that it is the one inside orch, and Rootless that it runs
	// without root.
	Embedded, Rootless bool
	// Emulated are its platforms that the processor cannot run by itself.
	Emulated []string
	// StateDir is the folder of the embedded builder, with what is free there.
	StateDir    string
	Free, Total int64
	// At is the connection; nil if the embedded builder does not run now.
	At *builder.Builder
}

// Wanted is what a definition needs.
type Wanted struct {
	// Platforms are those that steps run on.
	Platforms []string
	// Pushes are the repositories of images, Caches those of caches that are
	// written, and Reads those of caches that are only read.
	Pushes, Caches, Reads []registry.Repo
	// Lane is the name of the cache lane; "" if there is none. Fork says that it
	// is one of code from outside.
	Lane string
	Fork bool
}

// Look looks at everything, at the same time where it takes long.
func Look(ctx context.Context, m Machine) []Finding {
	checks := []func(context.Context) []Finding{m.builder, m.programs, m.credentials, m.proxies, m.registries}
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { found[i] = check(ctx) })
	}
	all.Wait()
	var out []Finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

// Worst is the worst grade of some findings.
func Worst(found []Finding) Grade {
	order := map[Grade]int{OK: 0, Note: 1, Warning: 2, Error: 3}
	worst := OK
	for _, f := range found {
		if order[f.Grade] > order[worst] {
			worst = f.Grade
		}
	}
	return worst
}
