package runner

import (
	"context"
	"errors"
	"time"

	"github.com/orch-build/orch/planner"
)

// DefaultJobs is how many builds run at the same time unless the user says
// otherwise. The builder shares equal work between them and has its own limit
// on steps, so the number matters little above this.
const DefaultJobs = 16

// Options say how a plan is carried out.
type Options struct {
	// Jobs limits how many builds run at once; 0 means DefaultJobs.
	Jobs int
	// KeepGoing goes on with what does not depend on a failed build.
	// Otherwise the first failure ends the run.
	KeepGoing bool
}

// Run carries out the plan and returns the report of it. The report is
// complete whatever happened; the error is about the run as a whole, such as a
// builder that cannot be reached or an interrupt, and not about a build that
// failed.
func Run(ctx context.Context, plan *planner.Plan, solver Solver, opt Options) (*Report, error) {
	r := newRun(plan, opt)
	session, err := solver.Open(ctx, plan)
	if err != nil {
		r.cancelRest(err)
		return r.finish(), err
	}
	r.report.Builder = session.Builder()
	r.loop(ctx, session)
	err = ctx.Err()
	if cerr := session.Close(ctx, r.report.OK()); cerr != nil && err == nil && !errors.As(cerr, &r.report.Caches) {
		r.report.CloseErr = cerr
	}
	return r.finish(), err
}

// run is the state of a run. Only the goroutine of loop touches it.
type run struct {
	opt     Options
	report  *Report
	targets map[*planner.Build]*TargetReport
	// pending counts the inputs that are not done; users holds the builds
	// that take a build as an input.
	pending map[*planner.Build]int
	users   map[*planner.Build][]*planner.Build
	ready   []*planner.Build
	running int
}

// outcome is what a worker reports.
type outcome struct {
	build  *planner.Build
	result *Result
	err    error
}

func newRun(plan *planner.Plan, opt Options) *run {
	if opt.Jobs <= 0 {
		opt.Jobs = DefaultJobs
	}
	r := &run{
		opt:     opt,
		report:  &Report{Started: time.Now()},
		targets: map[*planner.Build]*TargetReport{},
		pending: map[*planner.Build]int{},
		users:   map[*planner.Build][]*planner.Build{},
	}
	for _, b := range plan.Builds {
		t := &TargetReport{Build: b}
		r.targets[b] = t
		r.report.Targets = append(r.report.Targets, t)
		r.pending[b] = len(b.Inputs)
		for _, in := range b.Inputs {
			r.users[in] = append(r.users[in], b)
		}
		if len(b.Inputs) == 0 {
			r.makeReady(b)
		}
	}
	return r
}

func (r *run) makeReady(b *planner.Build) {
	r.targets[b].State = Ready
	r.ready = append(r.ready, b)
}

// loop starts builds and takes in what became of them until nothing runs and
// nothing can be started.
func (r *run) loop(ctx context.Context, session Session) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome)
	started := map[*planner.Build]time.Time{}
	for {
		for ctx.Err() == nil && len(r.ready) > 0 && r.running < r.opt.Jobs {
			b := r.ready[0]
			r.ready = r.ready[1:]
			r.running++
			started[b] = time.Now()
			t := r.targets[b]
			t.State = Running
			t.Waited = started[b].Sub(r.report.Started)
			go func() {
				res, err := session.Build(ctx, b)
				outcomes <- outcome{build: b, result: res, err: err}
			}()
		}
		if r.running == 0 {
			break
		}
		o := <-outcomes
		r.running--
		r.targets[o.build].Took = time.Since(started[o.build])
		r.settle(ctx, o)
		if o.err != nil && !r.opt.KeepGoing {
			cancel()
		}
	}
	r.cancelRest(context.Cause(ctx))
}

// settle records what became of a build and frees or blocks what waits for it.
func (r *run) settle(ctx context.Context, o outcome) {
	t := r.targets[o.build]
	switch {
	case o.err == nil:
		t.State = Done
		t.Result = o.result
		for _, u := range r.users[o.build] {
			r.pending[u]--
			if r.pending[u] == 0 && r.targets[u].State == Waiting {
				r.makeReady(u)
			}
		}
	case isCancel(ctx, o.err):
		t.State, t.Err = Canceled, o.err
	default:
		t.State, t.Err = Failed, o.err
		r.block(o.build, o.build.Name())
	}
}

// isCancel tells a build that was stopped from one that failed by itself.
func isCancel(ctx context.Context, err error) bool {
	var failure *Failure
	return ctx.Err() != nil && !errors.As(err, &failure)
}

// block marks everything that depends on a failed build.
func (r *run) block(b *planner.Build, cause string) {
	for _, u := range r.users[b] {
		if t := r.targets[u]; t.State == Waiting {
			t.State, t.Cause = Blocked, cause
			r.block(u, cause)
		}
	}
}

// cancelRest marks every build that never came to an end.
func (r *run) cancelRest(err error) {
	for _, t := range r.report.Targets {
		if t.State == Waiting || t.State == Ready || t.State == Running {
			t.State, t.Err = Canceled, err
		}
	}
	r.ready = nil
}

func (r *run) finish() *Report {
	r.report.Finished = time.Now()
	return r.report
}
