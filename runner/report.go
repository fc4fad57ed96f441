package runner

import (
	"fmt"
	"slices"
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

// String is the name of the state, as reports have it.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the state as its name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name of a state.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(stateNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown state %q", text)
	}
	*s = State(i)
	return nil
}

// Over reports whether the state is one that a build ends in.
func (s State) Over() bool { return s >= Done }

// ContextChange is a file of a local context that changed while the context was
// read.
type ContextChange struct {
	Context string // as a message calls it
	Path    string // in it
	What    string // what happened to it
}

// Report is the record of one run. Everything that is shown after a run is
// printed from it.
type Report struct {
	Plan     *planner.Plan
	Builder  string
	Started  time.Time
	Finished time.Time
	// Targets is in the order of the plan.
	Targets []*TargetReport
	// Caches are the caches that could not be read or written.
	Caches CacheFaults
	// Mounts are the cache mounts that are kept beside the cache.
	Mounts []*MountReport
	// Vertices says what the builder spent on the vertices of the plan that
	// it reported, in the order of the plan.
	Vertices []*VertexReport
	// Steps are the builder's steps, in the order of their start.
	Steps []*StepReport
	// Transfer counts the bytes that the run moved.
	Transfer Transfer
	// Abandoned is true of an interrupted run whose builds did not end in time.
	Abandoned bool
	// Rounds is how many sessions the run took; more than one if something
	// was tried again.
	Rounds int
	// Changed are files of local contexts that changed while they were read.
	Changed []ContextChange
	// CacheErr is what went wrong when the run was ended, or nil.
	CacheErr error
	// LoadErr is why images that were built are not in the Docker engine, or nil.
	LoadErr error
	// Warnings are what the builder warned of, in the form of bake's metadata
	// file, if Options.Warnings is set.
	Warnings []any
	// AuditErr is what was found of targets that were skipped, or nil. No tag has
	// moved then.
	AuditErr error
	// Published counts the tags that were moved together at the end, and
	// PublishErr is what went wrong with that, or nil.
	Published int
	// Stayed counts the tags that pointed to their images already.
	Stayed     int
	PublishErr error
}

// TargetReport is how one target was built.
type TargetReport struct {
	Build *planner.Build
	State State
	// Cause names the target whose failure blocked this one, and CauseStage
	// the stage that failed, if that is known.
	Cause      string
	CauseStage string
	// Err is set when the state is Failed or Canceled; it is a *Failure if
	// the builder could say where.
	Err error
	// Result is set when the state is Done.
	Result *Result
	// Started is when the build was given to the solver, for the first time;
	// zero if it never was. Waited is from the start of the run to then.
	Started time.Time
	Waited  time.Duration
	// Took is from the start of the last attempt to its end; Exporting is
	// the part of it after the stages were done.
	Took      time.Duration
	Exporting time.Duration
	// Attempts has one entry for each time that the build was tried.
	Attempts []Attempt
	// Unskipped is why the target was built in a run that skips; "" if it was
	// not to be skipped.
	Unskipped string
}

// Attempt is one try to build a target.
type Attempt struct {
	Started time.Time
	Took    time.Duration
	// Err is what it came to, or nil.
	Err error
}

// Again is why the target will be tried again, or "" if it will not.
func (t *TargetReport) Again() string {
	if t.State != Waiting || len(t.Attempts) == 0 {
		return ""
	}
	err := t.Attempts[len(t.Attempts)-1].Err
	if f := AsFailure(err); f != nil && f.Reason != "" {
		return f.Reason
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// Tests are the results of the target's tests.
func (t *TargetReport) Tests() []TestResult {
	if t.Result != nil {
		return t.Result.Tests
	}
	if f := AsFailure(t.Err); f != nil {
		return f.Tests
	}
	return nil
}

// Name is the target's name.
func (t *TargetReport) Name() string { return t.Build.Name() }

// VertexReport is what the builder spent on one vertex of the plan.
type VertexReport struct {
	Vertex *planner.Vertex
	// Started and Finished are the ends of the time in which the builder
	// worked on it; Took is the sum of what its steps took.
	Started, Finished time.Time
	Took              time.Duration
	Steps             Steps
}

// Cached reports whether every step had its result already.
func (v *VertexReport) Cached() bool { return v.Steps.Run == 0 && v.Steps.Cached > 0 }

// StepReport is one step as the builder ran it.
type StepReport struct {
	// Number counts the steps in the order in which they appeared, from 1.
	Number int
	// Name is the builder's name of the step, without the brackets in front of
	// it.
	Name string
	// Label is what is in those brackets, such as "base 2/4", or "".
	Label string
	// Stage is the stage that it belongs to, or "", and Vertex its ID.
	Stage  string
	Vertex string
	// Internal steps are the builder's own: reading a context.
	Internal bool
	// Targets names the targets that it was for.
	Targets []string
	// Builder is the builder that had it, where the run has several.
	Builder           string
	Started, Finished time.Time
	Took              time.Duration
	Cached            bool
	Failed            bool
	// Running is true of a step that had not ended.
	Running bool
	// Log is the file that has the step's output, or "".
	Log string
}

// Transfer counts bytes by where they went; 0 is also what is not known.
type Transfer struct {
	// Sent is what was sent to the builder out of local directories.
	Sent int64
	// Pushed is what the builder pushed to registries as images.
	Pushed int64
	// CacheRead and CacheWritten are what it read of, and wrote to, caches
	// outside the builder.
	CacheRead, CacheWritten int64
}

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

// Counts says how many targets are in each state.
type Counts [Canceled + 1]int

// Count returns how many targets are in each state.
func (r *Report) Count() Counts {
	var c Counts
	for _, t := range r.Targets {
		c[t.State]++
	}
	return c
}

// ByVertex returns the reports on vertices by their vertex.
func (r *Report) ByVertex() map[*planner.Vertex]*VertexReport {
	known := make(map[*planner.Vertex]*VertexReport, len(r.Vertices))
	for _, v := range r.Vertices {
		known[v.Vertex] = v
	}
	return known
}
