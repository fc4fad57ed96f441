package main

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// report prints diagnostics to standard error. It returns an error, already
// reported, if one of them is an error.
func report(e *env, files []source, diags hcl.Diagnostics) error {
	if len(diags) == 0 {
		return nil
	}
	sources := map[string]*hcl.File{}
	for _, f := range files {
		sources[f.name] = &hcl.File{Bytes: f.src}
	}
	w := hcl.NewDiagnosticTextWriter(e.stderr, sources, 0, false)
	if err := w.WriteDiagnostics(diags); err != nil {
		return fmt.Errorf("printing diagnostics: %w", err)
	}
	if diags.HasErrors() {
		return &errReported{code: exitUsage, err: errors.New("the definition is wrong")}
	}
	return nil
}

// jsonDiagnostic is a diagnostic as --json prints it.
type jsonDiagnostic struct {
	Severity string     `json:"severity"`
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail,omitempty"`
	Range    *jsonRange `json:"range,omitempty"`
}

// jsonRange is a place in a file; lines and columns begin with 1.
type jsonRange struct {
	File  string  `json:"file"`
	Start jsonPos `json:"start"`
	End   jsonPos `json:"end"`
}

type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// reportJSON prints diagnostics as JSON to standard output.
func reportJSON(e *env, diags hcl.Diagnostics) error {
	out := make([]jsonDiagnostic, len(diags))
	for i, d := range diags {
		out[i] = jsonDiagnostic{Severity: severity(d), Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			out[i].Range = &jsonRange{
				File:  d.Subject.Filename,
				Start: jsonPos{d.Subject.Start.Line, d.Subject.Start.Column},
				End:   jsonPos{d.Subject.End.Line, d.Subject.End.Column},
			}
		}
	}
	if err := printJSON(e, map[string]any{"valid": !diags.HasErrors(), "diagnostics": out}); err != nil {
		return err
	}
	if diags.HasErrors() {
		return &errReported{code: exitUsage, err: errors.New("the definition is wrong")}
	}
	return nil
}

func severity(d *hcl.Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "warning"
	}
	return "error"
}
