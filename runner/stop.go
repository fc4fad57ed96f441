package runner

import "errors"

// ErrStopped is why a target was canceled that the user had stopped.
var ErrStopped = errors.New("stopped by the user")

// Stopped returns the targets that the user had stopped, in the order of the plan.
func (r *Report) Stopped() []*TargetReport {
	var out []*TargetReport
	for _, t := range r.Targets {
		if t.State == Canceled && errors.Is(t.Err, ErrStopped) {
			out = append(out, t)
		}
	}
	return out
}

// stopTarget stops a target. Steps that others need too go on.
func (s *schedule) stopTarget(name string) {
	for _, j := range s.order {
		if j.build.Name() != name || j.report.State.Over() {
			continue
		}
		j.stopped = true
		if j.cancel != nil {
			j.cancel(ErrStopped) // how it ends is handled as ever
			continue
		}
		s.stopped(j)
	}
}

// stopped records that a build was stopped, and blocks what waits for it.
func (r *run) stopped(j *job) {
	j.report.Err = ErrStopped
	r.set(j, Canceled)
	r.block(j, j.build.Name(), "")
}
