package docker

import (
	"context"
	"fmt"
	"os"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/outputs"
)

// Collect prepares to load the images of several targets with one archive,
// in which what they share is there once. A single image needs no collecting:
// the result is nil then.
func Collect(plan *planner.Plan) (loads *outputs.Loads, clean func(), err error) {
	n := 0
	for _, b := range plan.Builds {
		if loadsImage(b) {
			n++
		}
	}
	if n < 2 {
		return nil, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "orch-load-")
	if err != nil {
		return nil, nil, fmt.Errorf("making room for images that are loaded: %w", err)
	}
	clean = func() { _ = os.RemoveAll(dir) }
	if loads, err = outputs.NewLoads(dir); err != nil {
		clean()
	}
	return loads, clean, err
}

// LoadImages hands the images of the targets that are done to the Docker engine,
// whatever became of the others.
func LoadImages(ctx context.Context, loads *outputs.Loads, report *runner.Report) error {
	if loads == nil || ctx.Err() != nil {
		return nil
	}
	done := map[string]bool{}
	for _, t := range report.Targets {
		done[t.Name()] = t.State == runner.Done
	}
	chosen := func(name string) bool { return done[name] }
	if loads.Count(chosen) == 0 {
		return nil
	}
	w, err := Load(ctx)
	if err != nil {
		return err
	}
	err = loads.Write(ctx, w, chosen)
	if closed := w.Close(); closed != nil {
		return closed // it knows more of the reason
	}
	return err
}
