// Package explain says by what two snapshots of a target differ, which of its
// steps will run for that, and about how long they take.
//
// A step is looked up as the builder does it: by its definition, by what it
// reads, and by the steps below it. Which of them a builder has run before is
// handed in. The package knows nothing of builders, runs and repositories: who
// calls it adds since when a cause is there.
package explain

import "time"

// Version is the version of an Explanation's JSON form.
const Version = 1

// Explanation says why targets are built.
type Explanation struct {
	Version int       `json:"version"`
	Targets []*Target `json:"targets"`
	// Checked is true once the run is over that was predicted, and Wrong are the
	// predictions that did not come true.
	Checked bool    `json:"checked,omitempty"`
	Wrong   []Wrong `json:"wrong,omitempty"`
}

// Against is what is compared with.
type Against struct {
	// Kind is run, ref, record or nothing.
	Kind   string    `json:"kind"`
	ID     string    `json:"id,omitempty"` // of a run, or the name of a ref or a record
	Time   time.Time `json:"time,omitzero"`
	Commit string    `json:"commit,omitempty"`
}

// Changes of a target.
const (
	Same      = "same"
	Changed   = "changed"
	Published = "published" // only what is made of the image differs
	New       = "new"       // there is nothing to compare with
)

// Target says why one target is built.
type Target struct {
	Name    string   `json:"target"`
	Against Against  `json:"against"`
	Change  string   `json:"change"`
	Causes  []*Cause `json:"causes,omitempty"`
	// Open says what may change the result without being seen.
	Open []string `json:"open,omitempty"`
	// Stages are those with steps that will run, and With the other targets
	// that have a cause in common with this one: the first of them, and how many
	// there are beside those.
	Stages   []string `json:"stages,omitempty"`
	With     []string `json:"with,omitempty"`
	WithMore int      `json:"withMore,omitempty"`
	Steps    []*Step  `json:"steps,omitempty"`
	// Seconds is about how long the steps take that will run, where that is known.
	Seconds float64  `json:"seconds"`
	Advice  []Advice `json:"advice,omitempty"`
	Before  string   `json:"before,omitempty"`
	After   string   `json:"after"`
}

// Kinds of causes.
const (
	File        = "file"
	Ignore      = "ignore"
	Argument    = "argument"
	Instruction = "instruction"
	Image       = "image"
	Linked      = "target"
	Attribute   = "attribute"
	Engine      = "orch"
	Operation   = "operation"
)

// Cause is one input that differs.
type Cause struct {
	Kind string `json:"kind"`
	// Name is the path of a file, the name of an argument, an image, a target or
	// an attribute, or the place of an instruction.
	Name  string `json:"name"`
	Place string `json:"place,omitempty"` // FILE:LINE
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
	// Stat says what of a file differs.
	Stat string `json:"stat,omitempty"`
	// More are further files that differ in the same way.
	More  []string `json:"more,omitempty"`
	Since *Commit  `json:"since,omitempty"`
	// Causes are a linked target's.
	Causes []*Cause `json:"causes,omitempty"`

	// oldSum is the file's sum before.
	oldSum string
	// lines is how many lines the instruction has below the one in Place.
	lines int
}

// Lines is how many lines an instruction has below the line of its place.
func (c *Cause) Lines() int { return c.lines }

// OldSum is the sum that a file had before, or "".
func (c *Cause) OldSum() string { return c.oldSum }

// Commit is the one that brought a difference; its ID is "" if the difference is
// not committed.
type Commit struct {
	ID      string    `json:"id,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	Time    time.Time `json:"time,omitzero"`
}

// Predictions of steps.
const (
	Run    = "run"
	Cached = "cached"
	// Maybe is a step that runs unless what it takes comes out as before.
	Maybe = "maybe"
)

// Step is one step of a target with what will become of it.
type Step struct {
	Stage string `json:"stage,omitempty"`
	Nth   int    `json:"nth"`
	Of    int    `json:"of"`
	// Platform is set if the target is built for several.
	Platform string  `json:"platform,omitempty"`
	Text     string  `json:"text"`
	Place    string  `json:"place,omitempty"`
	Will     string  `json:"will"`
	Why      string  `json:"why,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	// Timed is true if it is known how long the step takes.
	Timed bool `json:"timed,omitempty"`

	Vertex string `json:"vertex,omitempty"`
	Key    string `json:"key"`
	Class  string `json:"class"`
	Own    string `json:"own"`
	// Open is true if something below the step may change without being seen.
	Open bool `json:"open,omitempty"`

	cause *Cause
}

// Advice is what would make the next run shorter.
type Advice struct {
	Text string `json:"text"`
	// Place is the line to move, and Below the one that it is to be moved below.
	Place   string  `json:"place,omitempty"`
	Below   string  `json:"below,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// Wrong is a prediction that did not come true.
type Wrong struct {
	Target string `json:"target"`
	Step   string `json:"step"`
	Will   string `json:"predicted"`
	Was    string `json:"was"`
	// Why is the reason if it is known; otherwise the fault is orch's.
	Why string `json:"why,omitempty"`
}

// Known says what a builder has run before.
type Known interface {
	// Has reports whether a step of that key, or of that class, was run.
	Has(key string) bool
	HasClass(class string) bool
	// Took is how long a step took, by its key, or the last time that one with
	// this sum of its own or of this name ran.
	Took(key, own, name string) (time.Duration, bool)
}
