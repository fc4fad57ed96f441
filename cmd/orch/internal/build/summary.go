package build

import (
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/report"
)

// Summarize adds the run to the page of the job where the CI service has one:
// GitHub Actions, and services that follow it, name a file for that. fault is
// what went wrong beside the targets, or nil. A page that cannot be written is
// no reason to fail.
func Summarize(e *planning.Session, p *report.Printer, fault error) {
	path := e.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return
	}
	f, err := output.OpenAppend(path, 0o644)
	if err == nil {
		_, err = f.Write(p.Summary(fault))
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		fmt.Fprintf(e.Stderr, "Warning: the summary of the job could not be written: %v\n", err)
	}
}
