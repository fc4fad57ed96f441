// Package build is one run of the targets of a definition that is read already: it
// chooses and reaches the builder, leaves out what need not be built, has package
// runner run the plan, publishes, and prints and writes the results. It knows
// no flag: what a command line says comes as Options.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/parts"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/screen"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/limits"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/report"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/docker"
	"github.com/orch-build/orch/runner/engine/enginepush"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/remaining"
	"github.com/orch-build/orch/runner/room"
	"github.com/orch-build/orch/runner/skip"
	"github.com/orch-build/orch/runner/times"
)

// leaveAfter is how long an interrupted run waits for the builder to say that
// it has stopped.
const leaveAfter = 1400 * time.Millisecond

// Run is one run of the targets of a definition.
type Run struct {
	*planning.Session
	started time.Time
	Opt     Options
	cfg     *config.Config
	plan    *planner.Plan
	site    site.Site
	mask    *mask.Mask
	Record  *record.Recorder
	// timeout is how long the builder may say nothing; 0 is the default.
	timeout time.Duration
	// engines are those that images are loaded into; nil if there are none.
	engines *docker.Engines
	// loads collects the images that are loaded together; nil if there are none.
	loads *outputs.Loads
	// foresight is what was predicted; nil if nothing can be kept.
	foresight *foresight.Foresight
	// publication is what is published together, or nil.
	publication *publication.Publication
	// skips are the targets that need not be built; nil if nothing is skipped.
	skips        *skip.Session
	skipPlatform string // of the builder, for digests
	// whole is the plan that is recorded. In a shard, which may build a part of a target,
	// it has whole targets.
	whole *planner.Plan
	// several says that the run has several builders.
	several bool
	// pushed are the names that an engine has pushed after the run.
	pushed []string
}

// Build plans and builds the chosen targets, and prints the results.
func Build(ctx context.Context, e *planning.Session, cfg *config.Config, opt Options) error {
	ctx, end := parts.Trace(ctx, e.Parts, e.Env, "orch bake")
	defer end()
	if !opt.Debug {
		screen.NoNotes()
	}
	r := &Run{Session: e, Opt: opt, cfg: cfg, started: time.Now()}
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
			return notBegun(ctx, e, err)
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
	if err == nil && run.OK() && run.LoadErr == nil && ctx.Err() == nil {
		if opt.Shard == nil {
			r.publish(ctx, run)
		} else {
			r.handOver(ctx, run)
		}
	}
	if err == nil && run.OK() && run.PublishErr == nil && ctx.Err() == nil && r.publication == nil {
		run.PublishErr = r.pushFromEngine(ctx, run)
	}
	return r.finish(ctx, run, err)
}

// Aside builds the targets of a definition for a command that looks at what they
// write: no run is recorded, nothing is skipped and no tag moves. What fails is
// printed.
func Aside(ctx context.Context, e *planning.Session, cfg *config.Config, opt Options) (*runner.Report, error) {
	r := &Run{Session: e, Opt: opt, cfg: cfg, started: time.Now()}
	if err := r.check(ctx); err != nil {
		return nil, err
	}
	var err error
	if r.site, err = r.openSite(ctx); err != nil {
		return nil, notBegun(ctx, e, err)
	}
	defer r.site.Close()
	if err := r.writesFiles(); err != nil {
		return nil, err
	}
	if p := r.site.Platform(); p != "" && p != machine.LocalPlatform() {
		if r.plan, err = r.Planned(ctx, r.cfg, planning.Options{Platform: p}); err != nil {
			return nil, err
		}
	}
	if opt.Begins != nil {
		opt.Begins()
	}
	r.hide()
	r.Record = record.Unkept(r.recorded())
	run, err := r.run(ctx)
	switch {
	case run == nil:
		return nil, r.abandoned(ctx, err)
	case err != nil || !run.OK() || ctx.Err() != nil:
		return nil, r.bad(ctx, run, r.printer(run), err)
	}
	return run, nil
}

// threads is how many a build needs beside those that are there before it.
const threads = 4

// reach reaches the builder, and finds out what need not be built: before that
// where the builder is this machine, since it may not be needed at all.
func (r *Run) reach(ctx context.Context) (err error) {
	here, err := r.Opt.Builder.IsEmbedded(r.Session.Machine)
	if err != nil {
		return err
	}
	if here {
		if err := r.skip(ctx, ""); err != nil {
			return err
		}
	}
	if r.allSkipped() {
		r.site = site.Nowhere{}
		return nil
	}
	if err := limits.Threads(threads); err != nil {
		return notBegun(ctx, r.Session, err)
	}
	if r.site, err = r.openSite(ctx); err != nil {
		return notBegun(ctx, r.Session, err)
	}
	if err := r.checkFleet(); err != nil {
		r.site.Close()
		return err
	}
	p := r.site.Platform()
	if p != "" && p != machine.LocalPlatform() {
		if r.plan, err = r.Planned(ctx, r.cfg, planning.Options{Platform: p}); err == nil && here {
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
func (r *Run) collectLoads() (clean func(), err error) {
	if r.site.Engine() != nil {
		return func() {}, nil
	}
	r.loads, clean, err = docker.Collect(r.plan)
	return clean, err
}

// check makes the plan and looks for what would fail.
func (r *Run) check(ctx context.Context) (err error) {
	if diags := onTerminal(r.cfg, r.Stdout); diags.HasErrors() {
		return r.Report(diags, r.cfg.Sources)
	}
	if r.plan, err = r.Planned(ctx, r.cfg, planning.Options{Checks: true}); err != nil {
		return err
	}
	if err := r.checkLock(ctx); err != nil {
		return err
	}
	if err := r.chooseBuilder(ctx); err != nil {
		return err
	}
	r.timeout, err = r.BuilderTimeout()
	return err
}

// onTerminal reports archives that would be written to a terminal, which shows them
// as characters and obeys what is in them.
func onTerminal(cfg *config.Config, stdout io.Writer) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if !termtext.IsTerminal(stdout) {
		return diags
	}
	for _, name := range cfg.Chosen {
		t := cfg.Target(name)
		for _, o := range t.Outputs {
			if o.Form == config.FileForm && o.Dest == "-" {
				at := t.RangeOf("output")
				diags = append(diags, &hcl.Diagnostic{
					Severity: hcl.DiagError, Summary: "Archive on a terminal", Subject: &at,
					Detail: fmt.Sprintf("Target %q writes an archive of the type %s to standard output, which is a terminal. Write dest=FILE in the output, or send standard output into a file.", name, o.Type),
				})
			}
		}
	}
	return diags
}

// begin makes ready what goes along with the run: what masks secrets, the notes
// of --debug and the record.
func (r *Run) begin() {
	r.hide()
	logrus.Debugf("plan: %s, %d vertices", termtext.Count(len(r.plan.Builds), "target"), len(r.plan.Graph.Vertices))
	logrus.Debugf("builder: %s, %s", r.site.Name(), r.site.Platform())
	rec, err := record.Begin(r.recorded())
	if err != nil {
		fmt.Fprintf(r.Stderr, "Warning: %v\n", err)
	}
	r.Record = rec
}

// recorded are the options of the run's record.
func (r *Run) recorded() record.Options {
	return record.Options{
		Version: version.Stamped, Args: cli.WithoutResume(r.Args), Config: r.cfg, Earlier: r.Opt.Earlier, Shard: r.Opt.Shard, Mask: r.mask.Text, Getenv: r.Getenv,
	}
}

// hide makes ready what masks secrets, and what notes of --debug pass through it.
func (r *Run) hide() {
	r.mask = &mask.Mask{}
	for _, v := range slices.Concat(r.cfg.Sensitive(), config.Credentials(r.Args...)) {
		r.mask.Add(v)
	}
	for _, t := range r.cfg.Targets {
		for _, s := range t.Secrets {
			if v := r.Getenv(s.Env); s.Env != "" {
				r.mask.Add(v)
			}
		}
	}
	if r.Opt.Debug {
		screen.Notes(r.Env, r.mask)
	} else {
		screen.NoNotes()
	}
}

// run runs the plan with a progress display. It returns soon after an interrupt,
// even if the builder does not answer any more. There is no report then if the
// session does not end either.
func (r *Run) run(ctx context.Context) (*runner.Report, error) {
	if r.allSkipped() {
		return skip.Idle(r.started), nil
	}
	solver, err := r.solver()
	if err != nil {
		return nil, err
	}
	how := r.options(ctx)
	stop := make(chan string, 16)
	how.Stop = stop
	left := r.remaining(how.Jobs)
	display, err := screen.New(r.Env, screen.Options{
		Mode: r.Opt.Progress, Targets: len(r.plan.Builds), Mask: r.mask.Text, Controls: screen.Controls(stop, r.page), Left: left.Left,
	})
	if err != nil {
		return nil, usage.Wrap(err)
	}
	defer display.GiveBack()
	how.Event = func(e runner.Event) {
		left.Event(e)
		display.Event(e)
	}
	how.Changed = func(run *runner.Report, t *runner.TargetReport) {
		display.Changed(run, t)
		r.Record.Changed(run, t)
	}
	type ended struct {
		report *runner.Report
		err    error
	}
	done := make(chan ended, 1)
	defer r.Notices.Hold()()
	go func() {
		defer display.GiveBack() // also if it panics
		report, err := runner.Run(ctx, r.plan, solver, how)
		if r.Opt.KeepGoing {
			for _, raw := range steps.TargetResults(report) {
				display.Event(raw)
			}
		}
		display.Close()
		blameCrash(r.Session, report)
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
func (r *Run) options(ctx context.Context) runner.Options {
	how := runner.Options{
		Jobs: r.Opt.Jobs, KeepGoing: r.Opt.KeepGoing, DeferOutput: r.Opt.DeferOutput,
		Retry: runner.Retry{Sessions: r.Opt.Retries},
		Last:  r.publication.Last(), Leave: leaveAfter,
		Settled:  r.Record.Settled,
		Warnings: r.Flagged("BUILDX_METADATA_WARNINGS"),
	}
	if store, _, err := record.Project(r.Getenv); err == nil {
		how.Times = times.Load(store.Dir()).Times()
	}
	// A builder elsewhere, of which nothing is known, has limits of its own.
	if how.Jobs == 0 && r.site.Embedded() {
		room.Limit(ctx, r.Getenv, &how)
	}
	return how
}

// remaining estimates how long the run still takes; nil where nothing is kept.
func (r *Run) remaining(places int) *remaining.Estimate {
	store, _, err := record.Project(r.Getenv)
	if err != nil {
		return nil
	}
	book := times.Load(store.Dir())
	return remaining.New(r.plan, remaining.Times{Vertex: book.Of, Export: book.Times().Export}, places)
}

// KeepTimes remembers how long things took, for the next run. Where that fails,
// the next run knows less.
func KeepTimes(e *planning.Session, run *runner.Report) {
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return
	}
	if book := times.Load(store.Dir()); book.Note(run) {
		_ = book.Save(store.Dir())
	}
}

// prepare makes ready to publish. A shard moves no tag.
func (r *Run) prepare(ctx context.Context) func() (*publication.Publication, error) {
	if r.Opt.Shard != nil {
		return func() (*publication.Publication, error) { return publication.ByDigestAlone(), nil }
	}
	return publication.Prepare(ctx, r.plan, r.publishing())
}

// publishing says what the run publishes, and with what.
func (r *Run) publishing() publication.Options {
	opt := publication.Options{
		Mode: r.Opt.Publish, Skips: skip.Asked(r.plan), Several: r.several, Earlier: r.Opt.Earlier, Publisher: r.Publisher,
		Credentials: r.OpenRegistries().Credentials, Hold: r.Interrupt.Hold,
	}
	if r.Opt.Shown() {
		opt.Note = r.Notices.Note
	}
	return opt
}

// notBegun is how a run ends that was not begun.
func notBegun(ctx context.Context, e *planning.Session, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(e.Stderr, "orch: interrupted before anything was built")
	return &cli.Failure{Code: cli.ExitInterrupted, Err: ctx.Err()}
}

// abandoned is how a run ends of which nothing is known.
func (r *Run) abandoned(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	text := "orch: interrupted, and the builder does not answer"
	if r.publication.Alone() {
		text += "; no tag has moved"
	}
	fmt.Fprintln(r.Stderr, text)
	return &cli.Failure{Code: cli.ExitInterrupted, Err: ctx.Err()}
}

// finish writes what is to be written of a run that is over, prints the end of
// it and turns it into an exit code. failed is what went wrong with the run as a
// whole, or nil.
func (r *Run) finish(ctx context.Context, run *runner.Report, failed error) error {
	p := r.printer(run)
	r.Interrupt.Note(p.Writing())
	r.checkForesight(ctx, run)
	if err := r.Record.Write(run); err != nil {
		fmt.Fprintf(r.Stderr, "Warning: the run could not be recorded, so that it cannot be resumed: %v\n", err)
	}
	KeepTimes(r.Session, run)
	unwritten := r.WriteFiles(run)
	Summarize(r.Session, p, errors.Join(run.PublishErr, run.LoadErr, run.AuditErr))
	p.CacheFaults()
	p.ContextChanges()
	if run.OK() && run.PublishErr == nil && run.LoadErr == nil && run.AuditErr == nil && ctx.Err() == nil {
		if r.Opt.Shown() {
			p.Good()
			r.explained()
			r.sayShard(run)
		}
		return unwritten
	}
	if unwritten != nil {
		fmt.Fprintf(r.Stderr, "orch: %v\n", unwritten)
	}
	err := r.bad(ctx, run, p, failed)
	if ctx.Err() == nil {
		r.sayLost(ctx, run)
	}
	return err
}

// bad prints why a run is not good, and returns the exit code.
func (r *Run) bad(ctx context.Context, run *runner.Report, p *report.Printer, failed error) error {
	interrupted := ctx.Err() != nil
	if run.LoadErr != nil && !interrupted {
		fmt.Fprintf(r.Stderr, "\nWhat was built is not in the Docker engine: %v\n", run.LoadErr)
	}
	var unpushed *enginepush.Error
	switch {
	case errors.As(run.PublishErr, &unpushed):
		return r.unpushed(ctx, unpushed)
	case run.LoadErr != nil && run.OK() && !interrupted:
		return &cli.Failure{Code: cli.ExitFailed, Err: run.LoadErr}
	case run.AuditErr != nil && !interrupted:
		fmt.Fprintf(r.Stderr, "\nThe audit of skipped targets failed, and no tag has moved:\n%s\n", r.mask.Text(run.AuditErr.Error()))
		return &cli.Failure{Code: cli.ExitFailed, Err: run.AuditErr}
	case run.PublishErr != nil:
		return unpublished(ctx, r.Session, run.PublishErr, len(publication.Unmoved(run, r.Opt.Earlier)), r.movedByBuilder(run))
	case run.OK():
		p.InterruptedLate()
	case interrupted:
		if run.Abandoned {
			fmt.Fprintln(r.Stderr, "\norch: the builder does not answer; what it did after the interrupt is not known")
		}
		p.Interrupted()
	case len(run.Failures()) > 0:
		p.Failed()
		r.explained()
		return &cli.Failure{Code: cli.ExitFailed, Err: errors.New("the build failed")}
	case failed == nil && len(run.Stopped()) > 0:
		p.Stopped()
		return &cli.Failure{Code: cli.ExitInterrupted, Err: runner.ErrStopped}
	case failed == nil && len(run.Caches.Required()) > 0:
		return &cli.Failure{Code: cli.ExitFailed, Err: errors.New("a cache that is required failed")}
	default:
		return failed
	}
	return &cli.Failure{Code: cli.ExitInterrupted, Err: ctx.Err()}
}
