// Package cli is what every command of orch has around it: the three streams, the
// environment, the notices that may come at any time, and the ways to end: what
// is wrong is printed, and an exit code is chosen. It knows neither definitions
// nor builders, and nothing of any one command.
package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/internal/notice"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/schema"
)

// Env is what a command may touch outside itself; tests hand in their own.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Lookup reads one variable of the environment.
	Lookup func(name string) (string, bool)
	// Environ lists the environment as os.Environ does.
	Environ func() []string
	// DiagJSON is true if what is wrong is to be printed as JSON.
	DiagJSON bool
	// Args is the command line that is being run.
	Args []string
	// Again runs another command line in the place of this one.
	Again func(ctx context.Context, args []string) error
	// Resuming is true while Args are the resumed run's.
	Resuming bool
	// Restored is true once the environment is the resumed run's.
	Restored bool
	// Ctx ends when the command is interrupted; nil never does.
	Ctx context.Context
	// Interrupt ends the command if it goes on then.
	Interrupt *interrupt.Watch

	Notices *notice.Board
}

// OS is the environment of this process.
func OS() *Env {
	return &Env{
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Lookup:  os.LookupEnv,
		Environ: os.Environ,
	}
}

// Neutralise has all text that is written for people pass the one place that
// makes it harmless for terminals and CI services. What is data, or a command to
// such a service, is written past it with termtext.Raw.
func (e *Env) Neutralise() {
	e.Stdout = termtext.NewWriter(e.Stdout, termtext.SinkOf(e.Stdout, e.Lookup))
	e.Stderr = termtext.NewWriter(e.Stderr, termtext.SinkOf(e.Stderr, e.Lookup))
	e.Notices = &notice.Board{Out: e.Stderr}
}

// ReadStdin reads standard input, and leaves it for whoever reads it next.
func (e *Env) ReadStdin() ([]byte, error) {
	src, err := io.ReadAll(io.LimitReader(e.Stdin, schema.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the definition from standard input: %w", err)
	}
	e.Stdin = bytes.NewReader(src)
	return src, nil
}

// Flagged says whether a variable of the environment is set to a true value.
func (e *Env) Flagged(name string) bool {
	on, err := strconv.ParseBool(e.Getenv(name))
	return err == nil && on
}

// Getenv returns a variable of the environment, or "".
func (e *Env) Getenv(name string) string {
	v, _ := e.Lookup(name)
	return v
}
