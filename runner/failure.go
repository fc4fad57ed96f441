package runner

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orch-build/orch/planner"
)

// Fault says whose fault a failure is.
type Fault int

const (
	// FaultUnknown is a failure that nothing is known about.
	FaultUnknown Fault = iota
	// FaultUser is one of what is built: a step, a Dockerfile, a file that is
	// not there, a registry that refuses.
	FaultUser
	// FaultInfrastructure is one of what it is built with: a connection, a
	// registry that is out of order, a full disk.
	FaultInfrastructure
)

var faultNames = [...]string{"unknown", "user", "infrastructure"}

func (f Fault) String() string { return faultNames[f] }

// MarshalText writes the fault as its name.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Failure is a build that failed, with all that is known about where and why.
// Every field but Err may be empty.
type Failure struct {
	Target string
	// Stage is the stage that failed, and Vertex the ID of its vertex.
	Stage  string
	Vertex string
	// Own says that only this target fails by it: it lacks what others with the
	// stage may have.
	Own bool
	// Platform is what the step was built for, unless that goes without
	// saying.
	Platform string
	// Step is the step as the builder names it, and StepID tells it from
	// every other: targets that failed in the same step have the same.
	Step   string
	StepID string
	// File and Line are where the step is written; Line counts from 1.
	File string
	Line int
	// Excerpt is the part of the file around Line.
	Excerpt []ExcerptLine
	// Log is the end of the step's output, and LogFile the file that has all
	// of it.
	Log     []string
	LogFile string
	// ExitCode is the exit code of the step's process, or -1.
	ExitCode int
	// Builder is the builder that it happened on, where a run has several.
	Builder string
	// Fault says whose fault it is, and Reason why, in a few words.
	Fault  Fault
	Reason string
	// Transient says that the same may go well the next time. RetryAfter is
	// how long the other side asked to be left alone.
	Transient  bool
	RetryAfter time.Duration
	// Again says that the solver does something else the next time, so that it is
	// worth another try whatever the budget.
	Again bool
	// DiskFull says that a disk is full: the builder's, or the one that an
	// output is written to.
	DiskFull bool
	// Lost says that the builder is not there any more, so that nothing can
	// go well in this session.
	Lost bool
	// Tests are the results of the target's tests, if it is one of them that
	// failed.
	Tests []TestResult
	// Err is the error itself.
	Err error
}

// ExcerptLine is one line of a file.
type ExcerptLine struct {
	Number int
	Text   string
	Marked bool // part of the failed instruction
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// FailureGroup is one failure and the targets that came to it: a stage that
// they share fails for all of them at once.
type FailureGroup struct {
	*Failure
	Targets []string
	// Also are the places, FILE:LINE, where the same step is written for others of
	// the targets, if their Dockerfiles are equal but not the same.
	Also []string
}

// FailureGroups returns the failures of a run, each once, in the order of the
// plan.
func (r *Report) FailureGroups() []*FailureGroup {
	var groups []*FailureGroup
	for _, t := range r.Failures() {
		var f *Failure
		if !errors.As(t.Err, &f) {
			f = &Failure{Target: t.Name(), ExitCode: -1, Err: t.Err}
		}
		i := slices.IndexFunc(groups, func(g *FailureGroup) bool { return g.StepID != "" && g.StepID == f.StepID })
		if i < 0 {
			groups = append(groups, &FailureGroup{Failure: f})
			i = len(groups) - 1
		}
		groups[i].also(f)
		groups[i].Targets = append(groups[i].Targets, t.Name())
	}
	return groups
}

// of is the failure for another target that needs the same step. Where its
// Dockerfile is an equal one with another name, that is where the step is written.
func (f *Failure) of(b, first *planner.Build) *Failure {
	same := *f
	same.Target = b.Name()
	if first != nil && first.Dockerfile != nil && f.File == first.Dockerfile.Name &&
		b.Dockerfile != nil && bytes.Equal(b.Dockerfile.Data, first.Dockerfile.Data) {
		same.File = b.Dockerfile.Name
	}
	return &same
}

// also notes where the failure is for another target.
func (g *FailureGroup) also(f *Failure) {
	if f.File == "" || g.File == "" || f.File == g.File {
		return
	}
	if at := fmt.Sprintf("%s:%d", f.File, f.Line); !slices.Contains(g.Also, at) {
		g.Also = append(g.Also, at)
	}
}

// UnmarshalText reads the name of a fault.
func (f *Fault) UnmarshalText(text []byte) error {
	i := slices.Index(faultNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown fault %q", text)
	}
	*f = Fault(i)
	return nil
}
