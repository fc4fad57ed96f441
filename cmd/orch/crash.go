package main

import (
	"errors"
	"strings"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
)

// sayCrash tells the user if the embedded builder has crashed since it was
// found, and returns the first line of what it said.
func (e *env) sayCrash() string {
	text := e.builderLog.Crash()
	if text == "" {
		return ""
	}
	e.builderLog = embedded.Mark{}
	e.notices.Warn("The embedded builder crashed, which is a fault of the builder:\n" + text)
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// blameCrash gives a crash of the embedded builder as the reason of the targets
// that lost it.
func (e *env) blameCrash(report *runner.Report) {
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
			if crash = e.sayCrash(); crash == "" {
				return
			}
		}
		f.Fault, f.Reason = runner.FaultInfrastructure, "the builder crashed: "+crash
	}
}
