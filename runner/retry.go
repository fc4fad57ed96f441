package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Retry says what is tried again. What failed is tried again in a new session,
// when everything else that can be done has been: a builder remembers a
// failure for as long as the session in which it happened is open.
type Retry struct {
	// Sessions is how many more sessions a run may open because of failures
	// that may be gone the next time; 0 means none.
	Sessions int
	// Delay is the wait before the second session; it doubles with each one.
	// 0 means DefaultDelay.
	Delay time.Duration
}

const (
	// DefaultRetries is how many more sessions a run may open.
	DefaultRetries = 2
	// DefaultDelay is the wait before the second session.
	DefaultDelay = time.Second
	// maxDelay bounds the wait between two sessions, and with it what another
	// side may ask for with Retry-After.
	maxDelay = 2 * time.Minute
)

// retries is how much of the budget is spent.
type retries struct {
	sessions int           // opened because of transient failures
	wanted   bool          // some build is to be tried again
	spent    bool          // on account of the budget, not of a target's own
	after    time.Duration // what the other side asked for
	rounds   int           // waits so far
}

// AsFailure returns the failure that an error is, or nil.
func AsFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// mayRetry says whether a failed build is tried again: if the failure may be
// gone the next time and the budget allows it, or if a step failed and the
// target asks for it.
func (r *run) mayRetry(j *job, f *Failure) bool {
	if r.stop {
		return false
	}
	if f.Again {
		return true
	}
	if f.Transient {
		return r.sessions < r.opt.Retry.Sessions
	}
	return f.ExitCode >= 0 && r.stepFailures(j) <= j.build.Target.Retry
}

// stepFailures counts the attempts that ended in a failed step.
func (r *run) stepFailures(j *job) int {
	n := 0
	for _, a := range j.report.Attempts {
		if f := AsFailure(a.Err); f != nil && f.ExitCode >= 0 {
			n++
		}
	}
	return n
}

// retry puts a build back, for the next session.
func (r *run) retry(j *job, f *Failure) {
	r.wanted = true
	if f != nil && f.Transient {
		r.spent = true
		r.after = max(r.after, f.RetryAfter)
	}
	r.set(j, Waiting)
}

// again says whether there is to be another session, and waits until it may
// begin. The wait is random, between half and all of a delay that doubles, so
// that many runs that lost one registry do not come back all at once.
func (r *run) again(ctx context.Context) bool {
	if !r.wanted || r.stop || ctx.Err() != nil {
		return false
	}
	if r.spent {
		r.sessions++
	}
	delay := r.opt.Retry.Delay
	if delay <= 0 {
		delay = DefaultDelay
	}
	delay = min(delay<<min(r.rounds, 10), maxDelay)
	delay = delay/2 + rand.N(delay/2+1)
	delay = min(max(delay, r.after), maxDelay)
	r.rounds++
	r.wanted, r.spent, r.after = false, false, 0
	select {
	case <-time.After(delay):
		return true
	case <-ctx.Done():
		return false
	}
}

// notOpened decides what a session that could not be opened means: a builder
// that is not there yet may be there soon, if it was there before.
func (r *run) notOpened(ctx context.Context, err error) error {
	f := AsFailure(err)
	if ctx.Err() != nil || f == nil || !f.Transient || r.report.Rounds == 0 || r.sessions >= r.opt.Retry.Sessions {
		return err
	}
	r.wanted, r.spent = true, true
	return nil
}
