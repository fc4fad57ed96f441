// Package machine is what commands use of the machine that they run on: the builders
// that have names there and the one in orch's own binary, the docker configuration
// with its credentials, and the state folder. It reaches a builder, and does not
// know what is built, nor any definition.
package machine

import (
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/runner/embedded"
)

// Machine is the machine of one command.
type Machine struct {
	*cli.Env
	// Parts are the large parts of the program.
	Parts parts.Parts
	// OnlyNames are the names of the builder where none is chosen; nil are those
	// of a builder that there is.
	OnlyNames []string

	// builderLog is where the embedded builder's log ended when it was found.
	builderLog embedded.Mark
	registries *Registries
}

// New returns the machine around an environment. p are the large parts of the program;
// nil will do where none of them is needed.
func New(e *cli.Env, p parts.Parts) *Machine {
	return &Machine{Env: e, Parts: p, registries: &Registries{}}
}
