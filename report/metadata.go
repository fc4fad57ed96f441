package report

import (
	"encoding/json"
	"fmt"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// WriteMetadata writes the metadata file of bake, in one step.
func WriteMetadata(path string, report *runner.Report) error {
	out := map[string]any{}
	for _, t := range report.Targets {
		if t.Result == nil {
			continue
		}
		md := t.Result.Metadata
		if md == nil {
			md = map[string]any{}
		}
		out[t.Name()] = md
	}
	if report.Warnings != nil {
		out["buildx.build.warnings"] = report.Warnings
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	if err := output.WriteFile(path, append(termtext.JSON(data), '\n'), 0o644); err != nil {
		return fmt.Errorf("writing metadata file: %w", err)
	}
	return nil
}
