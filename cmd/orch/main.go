// Command orch builds many image targets at once: it reads a build.hcl,
// computes the union of their stage graphs, and builds all of them in one run on
// BuildKit.
//
// This package is the only one that looks at the command line, the
// environment and the terminal, and the only one that ends the process. A
// command is its flags, a check and one call; the work is done by the packages
// config, planner and runner.
package main

import (
	"os"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/whole"
)

func main() {
	args, code, done := asPlugin(os.Args)
	if !done {
		code = run(machine.New(cli.OS(), whole.Parts{}), nil, args)
	}
	os.Exit(code)
}
