// Package clitest has the environment of a command for tests: streams that are kept,
// and variables that the test chooses.
package clitest

import (
	"bytes"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
)

// Env returns an environment with those variables, and what goes to its streams.
// args are the command line.
func Env(vars map[string]string, args ...string) (e *cli.Env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	e = &cli.Env{
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Args: args,
		Lookup:  func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Environ: func() []string { return nil },
	}
	e.Neutralise()
	return e, stdout, stderr
}
