package main

import (
	"bytes"
	"fmt"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner"
)

// writeTimeline writes the timeline of the run as an HTML page.
func writeTimeline(path string, report *runner.Report, kept *keeper) error {
	var page bytes.Buffer
	err := runner.NewRecord(report, kept.info).Timeline(&page)
	if err == nil {
		err = output.WriteFile(path, page.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing report file: %w", err)
	}
	return nil
}
