package cli

import (
	"errors"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/diag"
	"github.com/orch-build/orch/internal/usage"
)

// Exit codes, as documented in the help text.
const (
	ExitOK          = 0
	ExitFailed      = 1   // a build failed
	ExitUsage       = 2   // wrong use, or a wrong file
	ExitInterrupted = 130 // Ctrl-C
)

// Failure is an error that is on the screen already: run only has to turn
// it into an exit code.
type Failure struct {
	Code int
	Err  error
}

func (e *Failure) Error() string { return e.Err.Error() }

func (e *Failure) Unwrap() error { return e.Err }

// Diag returns what prints diagnostics to standard error.
func (e *Env) Diag() *diag.Printer {
	return &diag.Printer{Out: e.Stderr, JSON: e.DiagJSON, Getenv: e.Getenv}
}

// SetDiagnostics decides how what is wrong is printed: as text or json.
func (e *Env) SetDiagnostics(format string) error {
	if format != "text" && format != "json" {
		return usage.Errorf("--diagnostics %q: there are text and json", format)
	}
	e.DiagJSON = format == "json"
	return nil
}

// Report prints diagnostics to standard error. It returns an error, already
// reported, if one of them is an error.
func (e *Env) Report(diags hcl.Diagnostics, sources ...map[string][]byte) error {
	return Reported(e.Diag().Print(diags, sources...))
}

// Reported marks the error of a definition whose diagnostics have been printed.
func Reported(err error) error {
	if errors.Is(err, diag.ErrDefinition) {
		return &Failure{Code: ExitUsage, Err: err}
	}
	return err
}
