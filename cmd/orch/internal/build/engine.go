package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/docker"
	"github.com/orch-build/orch/runner/engine/engineout"
	"github.com/orch-build/orch/runner/engine/enginepush"
	"github.com/orch-build/orch/runner/engine/keptimage"
)

// chooseBuilder finds out which builder the run has, before anything is done,
// and makes sure that images which are to go to a Docker engine can.
func (r *Run) chooseBuilder(ctx context.Context) error {
	if r.Opt.Open == nil {
		list, err := r.Opt.Builder.Members(ctx, r.Session.Machine)
		if err != nil {
			return err
		}
		if r.several = len(list) > 1; r.several {
			return r.askEngines(ctx)
		}
	}
	choice, err := r.Opt.Builder.Choose(r.Session.Machine)
	if err != nil {
		return err
	}
	r.Opt.Builder.Platforms = nil
	for _, b := range r.plan.Builds {
		r.Opt.Builder.Platforms = append(r.Opt.Builder.Platforms, b.Platforms...)
	}
	if choice.Driver == builders.Engine {
		return nil // they are there as soon as they are built
	}
	return r.askEngines(ctx)
}

// askEngines asks the Docker engines into which images are loaded what they keep.
func (r *Run) askEngines(ctx context.Context) (err error) {
	r.engines, err = docker.Ask(ctx, r.plan)
	return err
}

// onEngine says whether the builder is a Docker engine that pushes by itself,
// afterwards, as it has no containerd image store. What such a one cannot do is an
// error.
func (r *Run) onEngine() (alone bool, err error) {
	e := r.site.Engine()
	if e == nil || e.Info.Containerd {
		return false, nil
	}
	if err := engineout.Check(r.plan, e.String()); err != nil {
		return false, err
	}
	if r.Opt.Publish == "together" {
		return false, usage.Errorf("--publish=together: %s pushes tag by tag, as it has no containerd image store; leave the flag out, or choose another builder", e)
	}
	if r.Opt.Shard != nil {
		return false, usage.Errorf("--shard: %s pushes tag by tag, as it has no containerd image store, and a shard pushes by digest; choose another builder", e)
	}
	return true, nil
}

// writesFiles says whether the builder can write images to files, which are what is
// looked at after a build aside.
func (r *Run) writesFiles() error {
	e := r.site.Engine()
	if e == nil || e.Info.Containerd {
		return nil
	}
	return usage.Errorf("%s writes no images to files, as it has no containerd image store, and only those can be compared: "+
		"choose another builder, such as --builder embedded or one of buildx in a container, or switch that store on in the engine", e)
}

// keptImages is where it is remembered which images engines keep.
func (r *Run) keptImages() keptimage.Memory {
	dir, err := statedir.Default(r.Getenv)
	if err != nil {
		return ""
	}
	return keptimage.Memory(filepath.Join(dir, "kept"))
}

// pushFromEngine has an engine without containerd's image store push what is in
// it now.
func (r *Run) pushFromEngine(ctx context.Context, run *runner.Report) (err error) {
	e := r.site.Engine()
	if e == nil || e.Info.Containerd {
		return nil
	}
	r.pushed, err = enginepush.Push(ctx, e.Engine, run, r.OpenRegistries().Credentials, func(name string) {
		if r.Opt.Shown() {
			r.Notices.Note(fmt.Sprintf("pushing %s from the engine", name))
		}
	})
	return err
}

// unpushed says how far the push of an engine came.
func (r *Run) unpushed(ctx context.Context, err *enginepush.Error) error {
	begin, code := "Every target is built and in the engine, but not all are pushed", cli.ExitFailed
	if ctx.Err() != nil {
		begin, code = "Interrupted: every target is built and in the engine, but not all are pushed", cli.ExitInterrupted
	}
	fmt.Fprintf(r.Stderr, "\n%s (it pushes tag by tag, not all or nothing): %v\n", begin, err)
	return &cli.Failure{Code: code, Err: errors.New("not all tags were pushed")}
}
