package runner

import (
	"time"

	"github.com/orch-build/orch/planner"
)

// Event is something that a session reports while it is open. Reports and
// displays are made from events alone. An event, and what it points to, is not
// changed once it has been sent.
type Event interface{ isEvent() }

// StepStarted is the first that is heard of a step, whether it runs or has its
// result already.
type StepStarted struct{ *Step }

// StepOutput is a piece of what a step prints.
type StepOutput struct {
	ID   string
	Data []byte
}

// StepChanged is a step of which more is known than before.
type StepChanged struct{ *Step }

// StepFinished is the end of a step, good or bad. An output that is written in
// several phases ends several times.
type StepFinished struct{ *Step }

// TargetSteps names the steps that the stages of a target end in: when these
// are done, every step of the target has been reported.
type TargetSteps struct {
	Target string
	Steps  []string // by their IDs
}

// Warning is something that the builder warns of, reported once.
type Warning struct {
	Text string
	// File and Line are where it is written; "" if that is not known.
	File string
	Line int
	// Record is the warning as bake's metadata file has it.
	Record any
}

// Measured is what is known of a built target once its session ends.
type Measured struct {
	Build *planner.Build
	Steps Steps
	// ImageSize, BuildStage and BuildStageSize are as in Result.
	ImageSize      int64
	BuildStage     string
	BuildStageSize int64
}

// ContextChanges are all files of local contexts that changed while they were
// read.
type ContextChanges []ContextChange

// Raw is a message of the builder. Written as JSON it is what bake shows with
// --progress=rawjson.
type Raw struct{ Record any }

// Activity is something that the builder does for a vertex of the plan. It
// decides what is started next.
type Activity struct {
	Vertex *planner.Vertex
	Kind   ActivityKind
	// Run is true of a RUN step, which is what takes a builder's cores and
	// memory.
	Run bool
}

// ActivityKind says what an Activity is about.
type ActivityKind int

const (
	// WorkStarted is the start of a step that has no result yet.
	WorkStarted ActivityKind = iota
	// WorkFinished is the end of such a step, good or bad.
	WorkFinished
	// VertexDone means that all of the vertex has its result.
	VertexDone
)

// MountUsed is what a session has done with a cache mount, once its steps are over.
type MountUsed struct{ *MountReport }

func (MountUsed) isEvent()      {}
func (StepStarted) isEvent()    {}
func (StepOutput) isEvent()     {}
func (StepChanged) isEvent()    {}
func (StepFinished) isEvent()   {}
func (TargetSteps) isEvent()    {}
func (Warning) isEvent()        {}
func (Measured) isEvent()       {}
func (ContextChanges) isEvent() {}
func (Raw) isEvent()            {}
func (Activity) isEvent()       {}

// Step is what is known of a step. Secrets are masked in its texts.
type Step struct {
	ID string
	// Number counts the steps in the order in which they appear, from 1.
	Number int
	// Name is the builder's name of the step. Text is the name without the
	// brackets in front of it, and Label what is in these, such as "base 2/4";
	// both are "" for what is not a step of a Dockerfile.
	Name, Text, Label string
	// Title is the name that is shown: with the targets in front if the run has
	// several.
	Title string
	// Targets names the targets that the step is for.
	Targets []string
	// Builder is the builder that has it, where a run has several.
	Builder string
	// Vertices are the stages that it is a step of.
	Vertices []*planner.Vertex
	// Internal steps are the builder's own, such as reading a context.
	Internal bool
	// Unrecorded steps are shown and are not part of the report: tests.
	Unrecorded bool
	// Started and Finished are the ends of the whole, Began the beginning of the latest
	// interval. Took is the sum of the intervals that are over.
	Started, Finished, Began time.Time
	Took                     time.Duration
	Done                     bool
	Cached                   bool
	// Error is why the step failed, or "".
	Error string
	// Count is the step's part in the number of steps: at most one.
	Count Steps
	// Transfer is what was moved for the step.
	Transfer Transfer
	// Log is the file with the step's output, or "".
	Log string
}
