package buildkit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/inside"
)

// Inside says where in a target a process is to run.
type Inside struct {
	Build *planner.Build
	// Step is the label of a step; "" is the one that fails, or the finished image.
	Step string
	// Before takes the step as it is before it runs.
	Before bool
	// Use is called with the place.
	Use func(context.Context, *inside.Box) error
}

// Debug has the builder make a target, as far as a step, and runs something in that
// step. The step has what it has in a build, and no more.
func (s *Solver) Debug(ctx context.Context, plan *planner.Plan, in Inside, send func(runner.Event)) error {
	r, err := s.open(ctx, plan, send)
	if err != nil {
		return err
	}
	defer r.unwatch()
	err = r.targets[in.Build].inside(ctx, in)
	for _, a := range slices.Concat(r.moved, r.anchors) {
		if cerr := a.close(ctx); cerr != nil && err == nil && ctx.Err() == nil {
			err = cerr
		}
	}
	return err
}

// inside finds the place and uses it.
func (t *target) inside(ctx context.Context, in Inside) error {
	if err := t.readied(ctx); err != nil {
		return t.failure(ctx, err)
	}
	box, err := t.box(ctx, in)
	var unknown *inside.UnknownError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("target %s: %w", t.plan.Name(), err)
	case err != nil:
		return t.failure(ctx, err)
	case box.Failed != nil:
		box.Failed = t.failure(ctx, box.Failed)
	}
	return in.Use(ctx, box)
}

// readied converts the target and those that it is built on, and makes sure that its
// steps get what it has and no more.
func (t *target) readied(ctx context.Context) error {
	for _, b := range t.plan.Inputs {
		if err := t.run.targets[b].readied(ctx); err != nil {
			return err
		}
	}
	if err := t.converted(ctx); err != nil {
		return err
	}
	if err := t.bounded(ctx); err != nil {
		return err
	}
	return t.restoreMounts(ctx)
}

// box has the builder make the target as far as is asked for.
func (t *target) box(ctx context.Context, in Inside) (*inside.Box, error) {
	def, err := t.ownDefinition(ctx)
	if err != nil {
		return nil, err
	}
	gw := t.anchor.gateway
	if in.Step != "" {
		step, err := inside.Find(def, in.Step)
		if err != nil {
			return nil, err
		}
		if in.Before {
			return inside.Before(ctx, gw, step)
		}
		return inside.After(ctx, gw, step)
	}
	if err := t.evaluate(ctx); err != nil {
		return inside.Failed(ctx, gw, def, err)
	}
	image, err := t.testBox()
	if err != nil {
		return nil, err
	}
	box := inside.Image(gw, image.ref, image.config)
	box.Platform = image.platform
	return box, nil
}

// ownDefinition is the definition of the target for the builder's own platform, or else
// the first.
func (t *target) ownDefinition(ctx context.Context) (*pb.Definition, error) {
	ids, err := frontend.Platforms(t.result)
	if err != nil {
		return nil, err
	}
	ref := t.result.Ref
	if len(t.result.Refs) > 0 {
		id := ids[0]
		if slices.Contains(ids, t.run.builder.Platform) {
			id = t.run.builder.Platform
		}
		ref = t.result.Refs[id]
	}
	def, err := t.definition(ctx, ref)
	if err == nil && def == nil {
		return nil, errors.New("the image is empty: there is no step")
	}
	return def, err
}
