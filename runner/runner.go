package runner

import (
	"context"
	"errors"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/chain"
)

// Options say how a plan is run.
type Options struct {
	// Jobs is how many places there are: how much weight may have RUN steps
	// running at once. 0 means no limit.
	Jobs int
	// Room, if set, is asked again and again while builds wait for a place, and
	// returns how many more places, of so many that are wanted, the builder has
	// room for after all.
	Room func(want int) int
	// Times say how long things are expected to take, which decides what starts
	// first; a nil function counts steps.
	Times chain.Times
	// KeepGoing goes on with what does not depend on a failed build.
	// Otherwise the first failure ends the run.
	KeepGoing bool
	// DeferOutput writes no output before the stages of every build are done.
	DeferOutput bool
	// Last, if set, says of which builds the outputs are written last: when all
	// others are done, and only if all of them are good.
	Last func(*planner.Build) bool
	// Leave is how long an interrupted run waits for the solver to stop; 0 is
	// for ever.
	Leave time.Duration
	// Retry says what is tried again.
	Retry Retry
	// Warnings keeps what the builder warns of in the report.
	Warnings bool
	// Event, if set, is called with each event, by the goroutine that calls
	// Changed.
	Event func(Event)
	// Changed, if set, is called after each change of a build's state, by one
	// goroutine, with the report as far as it is known. It must neither change
	// the report nor keep it.
	Changed func(*Report, *TargetReport)
	// Stop, if set, gives the names of targets that are to be stopped while the others
	// go on. Whoever sends must not wait: nothing is taken between two sessions.
	Stop <-chan string
	// Settled, if set, is called by that goroutine too, when nothing has changed
	// for a second after a change.
	Settled func(*Report)
}

// settleTime is how long nothing changes before Settled is called.
const settleTime = time.Second

// Run runs the plan and returns the report of it. The report is
// complete whatever happened; the error is about the run as a whole, such as a
// builder that cannot be reached or an interrupt, and not about a build that
// failed.
func Run(ctx context.Context, plan *planner.Plan, solver Solver, opt Options) (*Report, error) {
	r := newRun(plan, opt)
	var err error
	for {
		if err = r.round(ctx, solver); err != nil {
			break
		}
		if r.report.OK() || !r.again(ctx) {
			break
		}
	}
	r.cancelRest(errors.Join(err, context.Cause(ctx)))
	r.report.Finished = time.Now()
	if ctx.Err() != nil {
		return r.report, ctx.Err()
	}
	return r.report, err
}

// run is the state of a run. Only the goroutine of Run touches it.
type run struct {
	opt    Options
	plan   *planner.Plan
	report *Report
	jobs   map[*planner.Build]*job
	order  []*job
	// stop is set once a failure has ended the run.
	stop     bool
	inbox    *inbox
	recorder recorder
	filled   time.Time // when the steps were last written into the report
	retries
}

// job is one build in a run.
type job struct {
	build  *planner.Build
	report *TargetReport
	users  []*job // the builds that take this one as an input
	weight int
	rank   int // in the order of the plan

	// The rest is of the current session.
	pending   int // inputs whose stages are not done
	done      bool
	evaluated time.Time
	started   time.Time
	// evaluating is true from its start until its stages are done.
	evaluating bool
	runs       int       // RUN steps that run for it
	idle       time.Time // since when there are none
	claims     bool      // see chain.Graph.Start
	// resume lets a build go on to its outputs, or ends it with an error.
	resume chan error
	held   bool
	// cancel ends the build by itself; nil while it is not under way.
	cancel context.CancelCauseFunc
	// stopped says that the user had it stopped.
	stopped bool
}

func newRun(plan *planner.Plan, opt Options) *run {
	if opt.Times.Vertex == nil {
		opt.Times.Vertex = chain.Steps.Vertex
	}
	if opt.Times.Export == nil {
		opt.Times.Export = chain.Steps.Export
	}
	r := &run{
		opt:    opt,
		plan:   plan,
		report: &Report{Plan: plan, Started: time.Now()},
		jobs:   map[*planner.Build]*job{},
		inbox:  newInbox(),
	}
	for i, b := range plan.Builds {
		j := &job{build: b, report: &TargetReport{Build: b}, weight: weight(b, opt.Jobs), rank: i}
		r.jobs[b] = j
		r.order = append(r.order, j)
		r.report.Targets = append(r.report.Targets, j.report)
		for _, in := range b.Inputs {
			r.jobs[in].users = append(r.jobs[in].users, j)
		}
	}
	if r.weights() <= opt.Jobs {
		r.opt.Jobs = 0 // there is a place for each
	}
	return r
}

// weights is the weight of all builds.
func (r *run) weights() int {
	sum := 0
	for _, j := range r.order {
		sum += j.weight
	}
	return sum
}

// weight is how many places a build takes: no more than there are.
func weight(b *planner.Build, places int) int {
	w := max(1, b.Target.Weight)
	if places > 0 {
		w = min(w, places)
	}
	return w
}

// round opens a session and does in it what can be done.
func (r *run) round(ctx context.Context, solver Solver) error {
	var session Session
	err := r.listen(func() (err error) {
		session, err = solver.Open(ctx, r.plan, r.inbox.put)
		return err
	})
	if err != nil {
		return r.notOpened(ctx, err)
	}
	r.report.Builder = session.Builder()
	r.report.Rounds++
	s := newSchedule(r, session)
	if !s.loop(ctx) {
		r.report.Abandoned = true
		return ctx.Err()
	}
	ok := r.report.OK()
	err = r.listen(func() error { return session.Close(ctx, Ending(ok)) })
	r.closed(ctx, err)
	r.recorder.fill(r.report)
	return nil
}

// closed records how the end of a session went.
func (r *run) closed(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	var faults CacheFaults
	if errors.As(err, &faults) {
		r.report.Caches = faults
	} else if r.report.OK() {
		r.report.CacheErr = err
	}
}

// listen handles events while f runs, in a goroutine of its own.
func (r *run) listen(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	for {
		select {
		case <-r.inbox.wake:
			r.takeEvents()
		case err := <-done:
			r.takeEvents()
			return err
		}
	}
}

// takeEvents handles the events that have come, and returns what is not only
// for the report.
func (r *run) takeEvents() []Activity {
	var out []Activity
	for _, e := range r.inbox.take() {
		if a, ok := e.(Activity); ok {
			out = append(out, a)
		}
		r.record(e)
		if r.opt.Event != nil {
			r.opt.Event(e)
		}
	}
	return out
}

// set changes the state of a build.
func (r *run) set(j *job, s State) {
	j.report.State = s
	if r.opt.Changed != nil {
		r.catchUp()
		r.opt.Changed(r.report, j.report)
	}
}

// fillEvery is the least time between two times that the steps are written into a
// report while the run goes on.
const fillEvery = time.Second

// catchUp writes the steps into the report, if that was not done just now: a run
// that is killed leaves what is known of it.
func (r *run) catchUp() {
	if time.Since(r.filled) >= fillEvery {
		r.recorder.fill(r.report)
		r.filled = time.Now()
	}
}

// finish records how a build ended.
func (r *run) finish(ctx context.Context, j *job, res *Result, err error) {
	t := j.report
	if j.done {
		if err != nil {
			r.block(j, t.Name(), "")
		}
		return
	}
	if err == nil {
		t.Result, t.Err = res, nil
		r.set(j, Done)
		return
	}
	t.Err = err
	var failure *Failure
	switch known := errors.As(err, &failure); {
	case errors.Is(err, errNextRound):
		r.retry(j, nil)
	case !known && j.stopped:
		r.stopped(j)
	case !known && ctx.Err() != nil, errors.Is(err, errWithheld):
		r.set(j, Canceled)
	case known && r.mayRetry(j, failure):
		r.retry(j, failure)
	default:
		r.fail(j, failure)
	}
}

// fail records a failure that is final, and blocks what waits for it: the
// builds that have it as an input, and those that reach the failed stage.
func (r *run) fail(j *job, f *Failure) {
	r.set(j, Failed)
	stage := ""
	if f != nil {
		stage = f.Stage
	}
	r.block(j, j.build.Name(), stage)
	for _, u := range r.reaching(f) {
		if s := u.report.State; s == Waiting || s == Ready {
			u.report.Cause, u.report.CauseStage = j.build.Name(), stage
			r.set(u, Blocked)
			r.block(u, j.build.Name(), stage)
		}
	}
	if !r.opt.KeepGoing {
		r.stop = true
	}
}

// reaching returns the builds that need the failed stage, and cannot be built for that.
func (r *run) reaching(f *Failure) []*job {
	if f == nil || f.Vertex == "" || f.Own {
		return nil
	}
	var out []*job
	for _, v := range r.plan.Graph.Vertices {
		if v.ID != f.Vertex {
			continue
		}
		names := map[string]bool{}
		for _, name := range v.Targets {
			names[name] = true
		}
		for _, j := range r.order {
			if names[j.build.Name()] {
				out = append(out, j)
			}
		}
	}
	return out
}

// block marks everything that depends on a failed build.
func (r *run) block(j *job, cause, stage string) {
	for _, u := range j.users {
		if u.report.State == Waiting {
			u.report.Cause, u.report.CauseStage = cause, stage
			r.set(u, Blocked)
			r.block(u, cause, stage)
		}
	}
}

// shareFailures turns a build that was stopped while it needed a stage that
// failed into a failed one: that it was stopped before the builder said so is
// chance.
func (r *run) shareFailures() {
	for _, t := range r.report.Failures() {
		var f *Failure
		if !errors.As(t.Err, &f) {
			continue
		}
		for _, j := range r.reaching(f) {
			if j.report.State == Canceled && !j.stopped && !j.report.Started.IsZero() && j.evaluated.IsZero() {
				j.report.Err = f.of(j.build, t.Build)
				r.set(j, Failed)
				r.block(j, j.build.Name(), f.Stage)
			}
		}
	}
}

// cancelRest marks every build that never came to an end. One that was to be
// tried again has failed.
func (r *run) cancelRest(err error) {
	if err == nil {
		err = errStopped
	}
	for _, j := range r.order {
		if !j.report.State.Over() {
			if AsFailure(j.report.Err) != nil {
				r.set(j, Failed)
				continue
			}
			j.report.Err = err
			r.set(j, Canceled)
		}
	}
}

// errStopped is what ends the other builds when one has failed.
var errStopped = errors.New("stopped, because another target failed")

// errNextRound ends a build whose outputs wait for a build that is tried again
// in the next session.
var errNextRound = errors.New("put off to the next session")
