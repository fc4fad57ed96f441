package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/docker"
	"github.com/orch-build/orch/runner/engine/engineout"
	"github.com/orch-build/orch/runner/engine/enginepush"
)

// chooseBuilder finds out which builder the run has, before anything is done,
// and makes sure that images which are to go to a Docker engine can.
func (r *buildRun) chooseBuilder(ctx context.Context) error {
	choice, err := r.opt.builder.choose(r.env)
	if err != nil {
		return err
	}
	r.opt.builder.platforms = nil
	for _, b := range r.plan.Builds {
		r.opt.builder.platforms = append(r.opt.builder.platforms, b.Platforms...)
	}
	if choice.Driver == builders.Engine {
		return nil // they are there as soon as they are built
	}
	return docker.Check(ctx, r.plan)
}

// onEngine says whether the builder is a Docker engine that pushes by itself,
// afterwards, as it has no containerd image store. What such a one cannot do is an
// error.
func (r *buildRun) onEngine() (alone bool, err error) {
	e := r.site.engine()
	if e == nil || e.Info.Containerd {
		return false, nil
	}
	if err := engineout.Check(r.plan, e.String()); err != nil {
		return false, err
	}
	if r.opt.publish == "together" {
		return false, usagef("--publish=together: %s pushes tag by tag, as it has no containerd image store; leave the flag out, or choose another builder", e)
	}
	if r.opt.shard != nil {
		return false, usagef("--shard: %s pushes tag by tag, as it has no containerd image store, and a shard pushes by digest; choose another builder", e)
	}
	return true, nil
}

// pushFromEngine has an engine without containerd's image store push what is in
// it now.
func (r *buildRun) pushFromEngine(ctx context.Context, run *runner.Report) (err error) {
	e := r.site.engine()
	if e == nil || e.Info.Containerd {
		return nil
	}
	r.pushed, err = enginepush.Push(ctx, e.Engine, run, r.openRegistries().credentials, func(name string) {
		if r.opt.shown() {
			r.notices.Note(fmt.Sprintf("pushing %s from the engine", name))
		}
	})
	return err
}

// unpushed says how far the push of an engine came.
func (r *buildRun) unpushed(ctx context.Context, err *enginepush.Error) error {
	begin, code := "Every target is built and in the engine, but not all are pushed", exitFailed
	if ctx.Err() != nil {
		begin, code = "Interrupted: every target is built and in the engine, but not all are pushed", exitInterrupted
	}
	fmt.Fprintf(r.stderr, "\n%s (it pushes tag by tag, not all or nothing): %v\n", begin, err)
	return &errReported{code: code, err: errors.New("not all tags were pushed")}
}
