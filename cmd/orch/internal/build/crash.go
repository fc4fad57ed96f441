package build

import (
	"errors"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/runner"
)

// blameCrash gives a crash of the embedded builder as the reason of the targets
// that lost it.
func blameCrash(e *planning.Session, report *runner.Report) {
	if report == nil {
		return
	}
	crash := ""
	for _, t := range report.Targets {
		var f *runner.Failure
		if !errors.As(t.Err, &f) || !f.Lost {
			continue
		}
		if crash == "" {
			if crash = e.SayCrash(); crash == "" {
				return
			}
		}
		f.Fault, f.Reason = runner.FaultInfrastructure, "the builder crashed: "+crash
	}
}
