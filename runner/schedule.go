package runner

import (
	"context"
	"errors"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/chain"
)

// schedule decides what runs when in one session.
type schedule struct {
	*run
	session Session
	ends    chan event
	ready   []*job
	// active is the number of builds that have been started and have not ended,
	// working that of those among them that do not wait for the outputs of all.
	active, working int
	alone           bool // an exclusive build runs
	lost            bool // the builder is gone

	chain *chain.Graph
	heard bool // the builder has said something
	works map[*planner.Vertex]*work
	extra int // places beyond Options.Jobs

	// abandoned is closed when nobody takes events any more, some time after an
	// interrupt.
	abandoned chan struct{}
}

// event is what a worker reports: that a build's stages are done, or that it
// has ended.
type event struct {
	job       *job
	evaluated bool
	result    *Result
	err       error
}

// newSchedule lists what is to be done: what is not over yet, and, if this is
// not the first session, what is done already, for those that use its result
// and for the shared cache.
func newSchedule(r *run, session Session) *schedule {
	s := &schedule{
		run: r, session: session, ends: make(chan event), abandoned: make(chan struct{}),
		chain: chain.New(r.plan, r.opt.Times), works: map[*planner.Vertex]*work{},
	}
	for _, j := range r.order {
		j.pending, j.done = 0, j.report.State == Done
		j.evaluated, j.held, j.resume = time.Time{}, false, nil
		j.evaluating, j.runs, j.claims = false, 0, false
		j.cancel = nil
		for _, in := range j.build.Inputs {
			if st := r.jobs[in].report.State; st == Done || !st.Over() {
				j.pending++
			}
		}
		if j.done && j.pending == 0 {
			s.ready = append(s.ready, j)
		}
		if j.report.State.Over() {
			continue
		}
		if j.report.State != Waiting {
			r.set(j, Waiting)
		}
		if j.pending == 0 {
			s.makeReady(j)
		}
	}
	return s
}

func (s *schedule) makeReady(j *job) {
	if !j.done {
		s.set(j, Ready)
	}
	s.ready = append(s.ready, j)
}

// loop starts builds and handles how they end until nothing runs and nothing
// can be started.
//
// It returns false if an interrupt was not heard in time: then builds are still
// under way, and the session must not be used any more.
func (s *schedule) loop(interrupt context.Context) bool {
	ctx, cancel := context.WithCancelCause(interrupt)
	defer cancel(nil)
	defer s.leaveAfter(interrupt)()
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	for {
		if ctx.Err() == nil && !s.lost {
			s.fill(ctx)
		}
		if s.active == 0 {
			break
		}
		s.openGate(ctx)
		if s.await(ctx, settled) {
			settled.Reset(settleTime)
		}
		if s.left() {
			return false
		}
		if s.stop {
			cancel(errStopped)
		}
	}
	s.shareFailures()
	return true
}

// await waits for something to happen, and handles it. It returns true if the
// state of a build may have changed.
func (s *schedule) await(ctx context.Context, settled *time.Timer) bool {
	var again <-chan time.Time
	if len(s.ready) > 0 && s.limited() && ctx.Err() == nil {
		again = time.After(lookTime)
	}
	for {
		select {
		case e := <-s.ends:
			s.handleEvents()
			s.handle(ctx, e)
			return true
		case <-s.inbox.wake:
			if !s.handleEvents() {
				continue
			}
		case <-again:
			s.moreRoom()
		case name := <-s.opt.Stop:
			s.stopTarget(name)
			return true
		case <-s.abandoned:
		case <-settled.C:
			if s.opt.Settled != nil {
				s.recorder.fill(s.report)
				s.opt.Settled(s.report)
			}
		}
		return false
	}
}

// start gives a build to the session.
func (s *schedule) start(ctx context.Context, j *job) {
	s.active++
	s.working++
	s.alone = j.build.Target.Exclusive
	j.started = time.Now()
	j.evaluating, j.idle, j.claims = true, j.started, s.limited()
	s.chain.Start(j.build)
	if s.limited() {
		s.chain.Claim(j.build)
	}
	if !j.done {
		t := j.report
		if t.Started.IsZero() {
			t.Started = j.started
			t.Waited = j.started.Sub(s.report.Started)
		}
		s.set(j, Running)
	}
	resume := make(chan error, 1)
	ctx, j.cancel = context.WithCancelCause(ctx)
	go func() {
		res, err := s.session.Build(ctx, j.build, BuildOptions{NoExport: j.done, Evaluated: func(ctx context.Context) error {
			return s.evaluated(ctx, j, resume)
		}})
		s.post(event{job: j, result: res, err: err})
	}()
	j.resume = resume
}

// evaluated is called by the worker of a build when its stages are done.
func (s *schedule) evaluated(ctx context.Context, j *job, resume <-chan error) error {
	s.post(event{job: j, evaluated: true})
	if !s.holds(j) {
		return nil
	}
	select {
	case err := <-resume:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handle handles what a worker reports.
func (s *schedule) handle(ctx context.Context, e event) {
	j := e.job
	if e.evaluated {
		s.handleEvaluated(j)
		return
	}
	s.active--
	if !j.held {
		s.release()
	}
	end := s.chain.Finish
	if e.err != nil {
		end = s.chain.Drop
	}
	s.stagesOver(j, end)
	j.held, j.resume = false, nil
	j.cancel(nil)
	j.cancel = nil
	now := time.Now()
	if !j.done {
		t := j.report
		t.Took = now.Sub(j.started)
		if !j.evaluated.IsZero() {
			t.Exporting = now.Sub(j.evaluated)
		}
		if !errors.Is(e.err, errNextRound) {
			t.Attempts = append(t.Attempts, Attempt{Started: j.started, Took: t.Took, Err: e.err})
		}
	}
	s.finish(ctx, j, e.result, e.err)
	if f := AsFailure(e.err); f != nil && f.Lost {
		s.lost = true
	}
}

// handleEvaluated frees the builds that wait for this one's result.
func (s *schedule) handleEvaluated(j *job) {
	j.evaluated = time.Now()
	s.stagesOver(j, s.chain.Finish)
	for _, u := range j.users {
		u.pending--
		if st := u.report.State; u.pending == 0 && (st == Waiting || u.done) {
			s.makeReady(u)
		}
	}
	if s.holds(j) {
		j.held = true
		s.release()
	}
}

// stagesOver gives a build's place back, and ends it in the chain. Its outputs need
// no place.
func (s *schedule) stagesOver(j *job, end func(*planner.Build)) {
	if j.evaluating {
		j.evaluating, j.runs = false, 0
		end(j.build)
	}
}

// release counts a build out that has ended, or waits for the outputs of all.
func (s *schedule) release() {
	s.working--
	s.alone = false
}
