// Package report prints and writes what a run gave: the table of a good one with
// its totals, the failures of another one with their places and logs, what is
// known of an interrupted one, and the files that other programs read. It knows
// nothing of flags, exit codes and builders, and changes nothing of a report.
package report

import (
	"io"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/blame"
)

// Printer prints the end of one run.
type Printer struct {
	// Verbose shows every target, also on a terminal.
	Verbose bool
	Out     io.Writer
	// Width is how many columns the terminal has; 0 if there is none.
	Width int
	// Getenv reads a variable of the environment.
	Getenv func(name string) string
	// Mask takes the secrets out of a text.
	Mask func(string) string
	Run  *runner.Report
	// Earlier is how many targets an earlier run had built.
	Earlier int
	// Debug is the command that opens a shell in a part of a target; nil names none.
	Debug func(part string) string
	// Resume is the command that builds what is left, and Kept says whether the
	// run is recorded, so that it can.
	Resume string
	Kept   bool
	// Shard says that the run is one of several jobs: what does not leave it stays in
	// the cache because the plan says so.
	Shard bool
	// Together says whether the tags of the run move together at its end.
	Together bool
	// Unmoved is how many tags have not moved whose images are pushed, and Moved
	// are those that the builder has moved.
	Unmoved int
	Moved   []string
	// StateDir is where the embedded builder keeps its state; "" if the run was
	// on another one.
	StateDir string
}

// PlainError is an error in plain words.
func PlainError(err error) string {
	return termtext.Brief(blame.Plain(err.Error()), termtext.MaxMessage)
}
