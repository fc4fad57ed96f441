package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/docker"
	"github.com/orch-build/orch/runner/engine/enginepush"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/room"
	"github.com/orch-build/orch/runner/skip"
	"github.com/orch-build/orch/runner/times"
)

// leaveAfter is how long an interrupted run waits for the builder to say that
// it has stopped.
const leaveAfter = 1400 * time.Millisecond

// buildRun is one run of the targets of a definition.
type buildRun struct {
	*env
	started time.Time
	opt     runOptions
	cfg     *config.Config
	plan    *planner.Plan
	site    site
	mask    *mask.Mask
	record  *record.Recorder
	// timeout is how long the builder may say nothing; 0 is the default.
	timeout time.Duration
	// loads collects the images that are loaded together; nil if there are none.
	loads *outputs.Loads
	// foresight is what was predicted; nil if nothing can be kept.
	foresight *foresight.Foresight
	// publication is what is published together, or nil.
	publication *publication.Publication
	// skips are the targets that need not be built; nil if nothing is skipped.
	skips        *skip.Session
	skipPlatform string // of the builder, for digests
	// pushed are the names that an engine has pushed after the run.
	pushed []string
}

// build plans and builds the chosen targets, and prints what came of it.
func (e *env) build(ctx context.Context, cfg *config.Config, opt runOptions) error {
	e.collectLess()
	ctx, end := e.trace(ctx, "orch bake")
	defer end()
	r := &buildRun{env: e, opt: opt, cfg: cfg, started: time.Now()}
	if err := r.check(ctx); err != nil {
		return err
	}
	ready := r.prepare(ctx)
	if err := r.reach(ctx); err != nil {
		return err
	}
	defer r.site.Close()
	alone, err := r.onEngine()
	if err != nil {
		return err
	}
	if !alone {
		if r.publication, err = ready(); err != nil {
			return e.notBegun(ctx, err)
		}
	}
	clean, err := r.collectLoads()
	if err != nil {
		return err
	}
	defer clean()
	r.begin()
	r.foresight = r.foresee(ctx)
	run, err := r.run(ctx)
	if run != nil && r.skips != nil {
		r.skips.Merge(run)
	}
	if run == nil {
		return r.abandoned(ctx, err)
	}
	run.LoadErr = docker.LoadImages(ctx, r.loads, run)
	if err == nil && run.OK() && run.LoadErr == nil && ctx.Err() == nil && opt.shard == nil {
		r.publish(ctx, run)
	}
	if err == nil && run.OK() && run.PublishErr == nil && ctx.Err() == nil && r.publication == nil {
		run.PublishErr = r.pushFromEngine(ctx, run)
	}
	return r.finish(ctx, run, err)
}

// reach reaches the builder, and finds out what need not be built: before that
// where the builder is this machine, since it may not be needed at all.
func (r *buildRun) reach(ctx context.Context) (err error) {
	here, err := r.opt.builder.isEmbedded(r.env)
	if err != nil {
		return err
	}
	if here {
		if err := r.skip(ctx, ""); err != nil {
			return err
		}
	}
	if r.allSkipped() {
		r.site = nowhere{}
		return nil
	}
	if r.site, err = r.openSite(ctx); err != nil {
		return r.notBegun(ctx, err)
	}
	p := r.site.platform()
	if p != "" && p != localPlatform() {
		if r.plan, err = r.planned(ctx, r.cfg, planning{platform: p}); err == nil && here {
			err = r.narrow(ctx, p)
		}
	}
	if err == nil && !here {
		err = r.skip(ctx, p)
	}
	if err != nil {
		r.site.Close()
	}
	return err
}

// collectLoads prepares to load images into an engine that is not the builder.
func (r *buildRun) collectLoads() (clean func(), err error) {
	if r.site.engine() != nil {
		return func() {}, nil
	}
	r.loads, clean, err = docker.Collect(r.plan)
	return clean, err
}

// check makes the plan and looks for what would fail.
func (r *buildRun) check(ctx context.Context) (err error) {
	if r.plan, err = r.planned(ctx, r.cfg, planning{checks: true}); err != nil {
		return err
	}
	if err := r.chooseBuilder(ctx); err != nil {
		return err
	}
	r.timeout, err = r.builderTimeout()
	return err
}

// begin makes ready what goes along with the run: what masks secrets, the notes
// of --debug and the record.
func (r *buildRun) begin() {
	r.mask = &mask.Mask{}
	for _, v := range slices.Concat(r.cfg.Sensitive(), config.Credentials(r.args...)) {
		r.mask.Add(v)
	}
	for _, t := range r.cfg.Targets {
		for _, s := range t.Secrets {
			if v := r.getenv(s.Env); s.Env != "" {
				r.mask.Add(v)
			}
		}
	}
	r.noteTo(r.opt.debug, r.mask)
	logrus.Debugf("plan: %d targets, %d vertices", len(r.plan.Builds), len(r.plan.Graph.Vertices))
	logrus.Debugf("builder: %s, %s", r.site.name(), r.site.platform())
	rec, err := record.Begin(record.Options{
		Version: version, Args: withoutResume(r.args), Config: r.cfg, Earlier: r.opt.earlier, Shard: r.opt.shard, Mask: r.mask.Text, Getenv: r.getenv,
	})
	if err != nil {
		fmt.Fprintf(r.stderr, "Warning: %v\n", err)
	}
	r.record = rec
}

// run runs the plan with a progress display. It returns soon after an interrupt,
// even if the builder does not answer any more. There is no report then if the
// session does not end either.
func (r *buildRun) run(ctx context.Context) (*runner.Report, error) {
	if r.allSkipped() {
		return skip.Idle(r.started), nil
	}
	display, err := newDisplay(r.env, r.opt.progress, len(r.plan.Builds), r.mask)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	solver, err := r.site.solver(r)
	if err != nil {
		return nil, err
	}
	how := r.options(ctx)
	how.Event = display.Event
	how.Changed = func(run *runner.Report, t *runner.TargetReport) {
		display.Changed(run, t)
		r.record.Changed(run, t)
	}
	type ended struct {
		report *runner.Report
		err    error
	}
	done := make(chan ended, 1)
	defer r.notices.Hold()()
	go func() {
		report, err := runner.Run(ctx, r.plan, solver, how)
		if r.opt.keepGoing {
			for _, raw := range steps.TargetResults(report) {
				display.Event(raw)
			}
		}
		display.Close()
		r.blameCrash(report)
		done <- ended{report, err}
	}()
	select {
	case e := <-done:
		return e.report, e.err
	case <-ctx.Done():
	}
	select {
	case e := <-done:
		return e.report, e.err
	case <-time.After(leaveAfter + leaveAfter/2): // the run itself leaves before
	}
	return nil, ctx.Err()
}

// options say how the plan is run.
func (r *buildRun) options(ctx context.Context) runner.Options {
	how := runner.Options{
		Jobs: r.opt.jobs, KeepGoing: r.opt.keepGoing, DeferOutput: r.opt.deferOutput,
		Retry: runner.Retry{Sessions: r.opt.retries},
		Last:  r.publication.Last(), Leave: leaveAfter,
		Settled:  r.record.Settled,
		Warnings: r.flagged("BUILDX_METADATA_WARNINGS"),
	}
	if store, _, err := record.Project(r.getenv); err == nil {
		how.Times = times.Load(store.Dir()).Times()
	}
	// A builder elsewhere, of which nothing is known, has limits of its own.
	if how.Jobs == 0 && r.site.embedded() {
		room.Limit(ctx, r.getenv, &how)
	}
	return how
}

// keepTimes remembers how long things took, for the next run. Where that fails,
// the next run knows less.
func (e *env) keepTimes(run *runner.Report) {
	store, _, err := record.Project(e.getenv)
	if err != nil {
		return
	}
	if book := times.Load(store.Dir()); book.Note(run) {
		_ = book.Save(store.Dir())
	}
}

// prepare makes ready to publish. A shard moves no tag.
func (r *buildRun) prepare(ctx context.Context) func() (*publication.Publication, error) {
	if r.opt.shard != nil {
		return func() (*publication.Publication, error) { return publication.ByDigestAlone(), nil }
	}
	return publication.Prepare(ctx, r.plan, r.publishing())
}

// publishing says what the run publishes, and with what.
func (r *buildRun) publishing() publication.Options {
	opt := publication.Options{
		Mode: r.opt.publish, Skips: skip.Asked(r.plan), Earlier: r.opt.earlier, Publisher: r.publisher,
		Credentials: r.openRegistries().credentials, Hold: r.interrupt.Hold,
	}
	if r.opt.shown() {
		opt.Note = r.notices.Note
	}
	return opt
}

// notBegun is how a run ends that was not begun.
func (e *env) notBegun(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(e.stderr, "orch: interrupted before anything was built")
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}

// abandoned is how a run ends of which nothing is known.
func (r *buildRun) abandoned(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	text := "orch: interrupted, and the builder does not answer"
	if r.publication.Alone() {
		text += "; no tag has moved"
	}
	fmt.Fprintln(r.stderr, text)
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}

// finish writes what is to be written of a run that is over, prints the end of
// it and turns it into an exit code. failed is what went wrong with the run as a
// whole, or nil.
func (r *buildRun) finish(ctx context.Context, run *runner.Report, failed error) error {
	p := r.printer(run)
	r.interrupt.Note(p.Writing())
	r.checkForesight(ctx, run)
	if err := r.record.Write(run); err != nil {
		fmt.Fprintf(r.stderr, "Warning: the run could not be recorded, so that it cannot be resumed: %v\n", err)
	}
	r.keepTimes(run)
	unwritten := r.writeFiles(run)
	r.summarize(p, errors.Join(run.PublishErr, run.LoadErr, run.AuditErr))
	p.CacheFaults()
	p.ContextChanges()
	interrupted := ctx.Err() != nil
	if run.OK() && run.PublishErr == nil && run.LoadErr == nil && run.AuditErr == nil && !interrupted {
		if r.opt.shown() {
			p.Good()
			r.explained()
			r.sayShard(run)
		}
		return unwritten
	}
	if unwritten != nil {
		fmt.Fprintf(r.stderr, "orch: %v\n", unwritten)
	}
	if run.LoadErr != nil && !interrupted {
		fmt.Fprintf(r.stderr, "\nWhat was built is not in the Docker engine: %v\n", run.LoadErr)
	}
	var unpushed *enginepush.Error
	switch {
	case errors.As(run.PublishErr, &unpushed):
		return r.unpushed(ctx, unpushed)
	case run.LoadErr != nil && run.OK() && !interrupted:
		return &errReported{code: exitFailed, err: run.LoadErr}
	case run.AuditErr != nil && !interrupted:
		fmt.Fprintf(r.stderr, "\nThe audit of skipped targets failed, and no tag has moved:\n%s\n", r.mask.Text(run.AuditErr.Error()))
		return &errReported{code: exitFailed, err: run.AuditErr}
	case run.PublishErr != nil:
		return r.unpublished(ctx, run.PublishErr, len(publication.Unmoved(run, r.opt.earlier)))
	case run.OK():
		p.InterruptedLate()
	case interrupted:
		if run.Abandoned {
			fmt.Fprintln(r.stderr, "\norch: the builder does not answer; what it did after the interrupt is not known")
		}
		p.Interrupted()
	case len(run.Failures()) > 0:
		p.Failed()
		r.explained()
		return &errReported{code: exitFailed, err: errors.New("the build failed")}
	case failed == nil && len(run.Caches.Required()) > 0:
		return &errReported{code: exitFailed, err: errors.New("a cache that is required failed")}
	default:
		return failed
	}
	return &errReported{code: exitInterrupted, err: ctx.Err()}
}
