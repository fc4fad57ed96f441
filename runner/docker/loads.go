package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/outputs"
)

// Collect prepares to load the images of several targets with one archive for each
// engine, in which what they share is there once. A single image needs no collecting:
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

// LoadImages hands the images of the targets that are done to the Docker engines,
// whether or not others failed.
func LoadImages(ctx context.Context, loads *outputs.Loads, report *runner.Report) error {
	if loads == nil || ctx.Err() != nil {
		return nil
	}
	done := map[string]bool{}
	for _, t := range report.Targets {
		done[t.Name()] = t.State == runner.Done
	}
	chosen := func(name string) bool { return done[name] }
	var faults []error
	for _, engine := range loads.Engines(chosen) {
		faults = append(faults, loadInto(ctx, engine, loads, chosen))
	}
	return errors.Join(faults...)
}

// loadInto hands one engine its images.
func loadInto(ctx context.Context, engine string, loads *outputs.Loads, chosen func(string) bool) error {
	w, err := Load(ctx, engine)
	if err != nil {
		return err
	}
	err = loads.Write(ctx, w, engine, chosen)
	if closed := w.Close(); closed != nil {
		return closed // it knows more of the reason
	}
	return err
}

// loadsImage says whether a target's image goes into a Docker engine.
func loadsImage(b *planner.Build) bool {
	return slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Form == config.EngineForm })
}
