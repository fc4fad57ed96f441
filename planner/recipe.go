package planner

import (
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/dockerfile"
)

// Work is what a stage or an opaque build consists of, for those who look closer
// than the graph does.
type Work struct {
	// Target is one of those that reach the vertex: all of them are alike in what
	// its steps can feel.
	Target *config.Target
	// Frontend is what reads the Dockerfile, as the target or the file asks for
	// it; "" is BuildKit's own.
	Frontend string

	// What follows is of a stage only.

	File *dockerfile.File
	// Cmds are the instructions, the triggers of ONBUILD first.
	Cmds []*dockerfile.Cmd
	// Globals are the variables that FROM can use.
	Globals dockerfile.Variables
	// Inherits is true if the stage goes on where an earlier one of the same file
	// ends, arguments and all.
	Inherits bool

	Below   *dockerfile.Environment // of that stage, at its end
	OnImage bool                    // variables may be set that are not known
}

// Scope is what the first of Cmds can use. Each call returns one of its own,
// which can be taken from instruction to instruction.
func (w *Work) Scope() dockerfile.Scope {
	s := dockerfile.Scope{Lex: w.File.Lex, Globals: w.Globals, Given: w.Target.Args}
	if w.Below != nil {
		s.Env = w.Below.On()
	} else {
		s.Env = &dockerfile.Environment{Open: w.OnImage}
	}
	return s
}
