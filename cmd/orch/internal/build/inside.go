package build

import (
	"context"
	"time"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/screen"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/inside"
	"github.com/orch-build/orch/runner/record"
)

// Inside has a target built as far as a step, and something run in it. The progress of
// that is over when use is called.
func Inside(ctx context.Context, e *planning.Session, cfg *config.Config, opt Options, in buildkit.Inside) error {
	r := &Run{Session: e, Opt: opt, cfg: cfg, started: time.Now()}
	var err error
	if r.plan, err = r.Planned(ctx, cfg, planning.Options{Checks: true}); err != nil {
		return err
	}
	if err := r.checkLock(ctx); err != nil {
		return err
	}
	if r.timeout, err = r.BuilderTimeout(); err != nil {
		return err
	}
	in.Build = r.asked()
	r.Opt.Builder.Platforms = in.Build.Platforms
	b, err := r.Opt.Builder.Connect(ctx, e.Machine)
	if err != nil {
		return notBegun(ctx, e, err)
	}
	defer b.Close()
	if p := b.Platform; p != "" && p != machine.LocalPlatform() {
		if r.plan, err = r.Planned(ctx, cfg, planning.Options{Platform: p}); err != nil {
			return err
		}
		in.Build = r.asked()
	}
	r.hide()
	r.Record = record.Unkept(record.Options{Version: version.Stamped, Args: e.Args, Config: cfg, Mask: r.mask.Text, Getenv: r.Getenv})
	how, err := r.solverOptions()
	if err != nil {
		return err
	}
	return r.inside(ctx, buildkit.NewSolver(b, how), in)
}

// inside shows how the target is built, until the step is reached.
func (r *Run) inside(ctx context.Context, solver *buildkit.Solver, in buildkit.Inside) error {
	display, err := screen.New(r.Env, screen.Options{Mode: r.Opt.Progress, Targets: len(r.plan.Builds), Mask: r.mask.Text})
	if err != nil {
		return usage.Wrap(err)
	}
	defer display.Close()
	use := in.Use
	in.Use = func(ctx context.Context, box *inside.Box) error {
		display.Close()
		return use(ctx, box)
	}
	err = solver.Debug(ctx, r.plan, in, display.Event)
	if ctx.Err() != nil {
		return &cli.Failure{Code: cli.ExitInterrupted, Err: ctx.Err()}
	}
	return err
}

// asked is the build of the only target that was asked for.
func (r *Run) asked() *planner.Build {
	for _, b := range r.plan.Builds {
		if b.Wanted {
			return b
		}
	}
	return nil
}
