package runner

import (
	"context"
	"errors"
	"slices"
	"time"
)

// schedule decides what runs when in one session.
type schedule struct {
	*run
	session Session
	events  chan event
	ready   []*job
	// running is the weight that runs, active the number of builds that have
	// been started and have not ended, waiting for their outputs included.
	running int
	active  int
	alone   bool // an exclusive build runs
	lost    bool // the builder is gone
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
	s := &schedule{run: r, session: session, events: make(chan event)}
	for _, j := range r.order {
		j.pending, j.done = 0, j.report.State == Done
		j.evaluated, j.held, j.resume = time.Time{}, false, nil
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

// loop starts builds and takes in what became of them until nothing runs and
// nothing can be started.
func (s *schedule) loop(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for {
		for ctx.Err() == nil && !s.lost {
			j := s.next()
			if j == nil {
				break
			}
			s.start(ctx, j)
		}
		if s.active == 0 {
			break
		}
		s.openGate(ctx)
		s.take(ctx, s.await())
		if s.stop {
			cancel(errStopped)
		}
	}
	s.shareFailures()
}

// await waits for the next event.
func (s *schedule) await() event {
	if s.opt.Settled == nil {
		return <-s.events
	}
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	select {
	case e := <-s.events:
		return e
	case <-settled.C:
	}
	s.opt.Settled(s.report)
	return <-s.events
}

// next takes the build that may start now, or returns nil. An exclusive one
// waits until no other can start, and keeps others from starting.
func (s *schedule) next() *job {
	if s.alone || len(s.ready) == 0 {
		return nil
	}
	i := slices.IndexFunc(s.ready, func(j *job) bool { return !j.build.Target.Exclusive })
	if i < 0 {
		if s.running > 0 {
			return nil
		}
		i = 0
	}
	j := s.ready[i]
	if s.running+j.weight > s.opt.Jobs && !j.build.Target.Exclusive {
		return nil
	}
	s.ready = slices.Delete(s.ready, i, i+1)
	if j.report.State == Blocked {
		return s.next()
	}
	return j
}

// start gives a build to the session, or lets it go on to its outputs.
func (s *schedule) start(ctx context.Context, j *job) {
	s.running += j.weight
	s.alone = j.build.Target.Exclusive
	if j.resume != nil {
		j.held = false
		j.resume <- nil
		return
	}
	s.active++
	j.started = time.Now()
	if !j.done {
		t := j.report
		if t.Started.IsZero() {
			t.Started = j.started
			t.Waited = j.started.Sub(s.report.Started)
		}
		s.set(j, Running)
	}
	resume := make(chan error, 1)
	go func() {
		res, err := s.session.Build(ctx, j.build, How{NoExport: j.done, Evaluated: func(ctx context.Context) error {
			return s.evaluated(ctx, j, resume)
		}})
		s.events <- event{job: j, result: res, err: err}
	}()
	j.resume = resume
}

// evaluated is called by the worker of a build when its stages are done.
func (s *schedule) evaluated(ctx context.Context, j *job, resume <-chan error) error {
	s.events <- event{job: j, evaluated: true}
	if !s.opt.DeferOutput || j.done {
		return nil
	}
	select {
	case err := <-resume:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take takes in an event.
func (s *schedule) take(ctx context.Context, e event) {
	j := e.job
	if e.evaluated {
		s.takeEvaluated(j)
		return
	}
	s.active--
	if !j.held {
		s.leave(j)
	}
	j.held, j.resume = false, nil
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
	s.settle(ctx, j, e.result, e.err)
	if f := asFailure(e.err); f != nil && f.Lost {
		s.lost = true
	}
}

// takeEvaluated frees the builds that wait for this one's result.
func (s *schedule) takeEvaluated(j *job) {
	j.evaluated = time.Now()
	for _, u := range j.users {
		u.pending--
		if st := u.report.State; u.pending == 0 && (st == Waiting || u.done) {
			s.makeReady(u)
		}
	}
	if s.opt.DeferOutput && !j.done {
		j.held = true
		s.leave(j)
	}
}

// leave gives a build's places back.
func (s *schedule) leave(j *job) {
	s.running -= j.weight
	s.alone = false
}

// openGate lets the builds that hold their outputs back go on, once that is
// true of all. If it cannot become true in this session, they are put off.
func (s *schedule) openGate(ctx context.Context) {
	if !s.opt.DeferOutput || ctx.Err() != nil || s.running > 0 {
		return
	}
	if !s.lost && len(s.ready) > 0 {
		return
	}
	whole := true
	for _, j := range s.order {
		if !j.report.State.Over() && !j.held {
			whole = false
		}
	}
	for _, j := range s.order {
		switch {
		case !j.held:
		case whole:
			s.ready = append(s.ready, j)
		default:
			j.resume <- errNextRound
			j.held = false
			s.running += j.weight
		}
	}
	for whole && len(s.ready) > 0 {
		j := s.next()
		if j == nil {
			return
		}
		s.start(ctx, j)
	}
}
