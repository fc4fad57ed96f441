package main

import (
	"github.com/orch-build/orch/runner"
)

func writeTimeline(path string, report *runner.Report, kept *keeper) error { return nil }
