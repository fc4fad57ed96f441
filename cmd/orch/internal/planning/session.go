// Package planning is the one way from a command line to a plan: it has the flags
// that choose a definition and its targets, reads the definition, asks for what it
// may touch, finds the policies of its targets, and makes plans and digests of it.
// It knows no command, and builds nothing.
package planning

import (
	"io"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/environ"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/policies"
)

// Session is what one command has to plan with.
type Session struct {
	*machine.Machine
	// Policies are the policies of the targets at hand; nil before there are any.
	Policies *policies.Policies
	// Bundle has what need not be fetched; nil has nothing. Offline has nothing else
	// be taken.
	Bundle  *bundle.Bundle
	Offline bool
	lock    *lock.Lock // of the definition whose policies are looked for
}

// New returns a session on a machine.
func New(m *machine.Machine) *Session { return &Session{Machine: m} }

// Quiet is the same session without what goes to standard error.
func (e *Session) Quiet() *Session { return e.Onto(io.Discard) }

// Onto is the same session with another standard error.
func (e *Session) Onto(stderr io.Writer) *Session {
	env, machine, out := *e.Env, *e.Machine, *e
	env.Stderr = stderr
	machine.Env = &env
	out.Machine = &machine
	return &out
}

// Over is the same session with variables in front of its environment.
func (e *Session) Over(vars map[string]string) *Session {
	env, machine, out := *e.Env, *e.Machine, *e
	over := environ.Env{Lookup: e.Lookup, All: e.Environ}.Over(vars)
	env.Lookup, env.Environ = over.Lookup, over.All
	machine.Env = &env
	out.Machine = &machine
	return &out
}
