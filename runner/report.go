package runner

import (
	"time"

	"github.com/orch-build/orch/planner"
)

// State says how far a build has come.
type State int

const (
	// Waiting is a build whose inputs are not done.
	Waiting State = iota
	// Ready is a build that could start and waits for a free place.
	Ready
	// Running is a build that the solver has been given.
	Running
	// Done is a build whose result is where it belongs.
	Done
	// Failed is a build that came to an error.
	Failed
	// Blocked is a build that was never started because an input failed.
	Blocked
	// Canceled is a build that was stopped, or never started, because the
	// run was ended.
	Canceled
)

var stateNames = [...]string{"waiting", "ready", "running", "done", "failed", "blocked", "canceled"}

func (s State) String() string { return stateNames[s] }

// MarshalText writes the state as its name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Report is the record of one run. Everything that is shown after a run is
// printed from it.
type Report struct {
	Builder  string
	Started  time.Time
	Finished time.Time
	// Targets stands in the order of the plan.
	Targets []*TargetReport
	// Caches are the caches that could not be read or written.
	Caches CacheFaults
	// CloseErr is what went wrong when the run was ended, or nil.
	CloseErr error
}

// TargetReport is what became of one target.
type TargetReport struct {
	Build *planner.Build
	State State
	// Cause names the target whose failure blocked this one.
	Cause string
	// Err is set when the state is Failed or Canceled; it is a *Failure if
	// the builder could say where.
	Err error
	// Result is set when the state is Done.
	Result *Result
	// Waited is from the start of the run to the start of the build; Took is
	// from there to its end.
	Waited time.Duration
	Took   time.Duration
}

// Name is the target's name.
func (t *TargetReport) Name() string { return t.Build.Name() }

// OK reports whether every target is done, and every cache that is required
// was read and written.
func (r *Report) OK() bool {
	for _, t := range r.Targets {
		if t.State != Done {
			return false
		}
	}
	return len(r.Caches.Required()) == 0
}

// Failures returns the targets that failed, in the order of the plan.
func (r *Report) Failures() []*TargetReport {
	var failed []*TargetReport
	for _, t := range r.Targets {
		if t.State == Failed {
			failed = append(failed, t)
		}
	}
	return failed
}
