package page

import (
	"slices"
	"strings"
)

// Data is what a page shows. What is in the lists is referred to by its place in
// them.
type Data struct {
	// Title is that of the window, and Heading the words in front of it.
	Title   string `json:"title"`
	Heading string `json:"heading"`
	// Facts are about the whole, in the order in which they are shown.
	Facts []Fact `json:"facts"`
	// Run is nil before there is one.
	Run      *Run      `json:"run,omitempty"`
	Targets  []*Target `json:"targets"`
	Vertices []*Vertex `json:"vertices"`
	// Critical are the vertices of the longest chain, the first one first.
	Critical []int      `json:"critical,omitempty"`
	Steps    []*Step    `json:"steps,omitempty"`
	Failures []*Failure `json:"failures,omitempty"`
	// Sources are the lines of each Dockerfile, by the names of Place.
	Sources map[string][]string `json:"sources,omitempty"`
}

// Fact is a line of a table.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Run is what is known of a run as a whole. All times of a page are in seconds
// after its start.
type Run struct {
	ID    string `json:"id"`
	State string `json:"state"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Target is one target.
type Target struct {
	Name   string `json:"name"`
	Note   string `json:"note,omitempty"` // such as its description
	Wanted bool   `json:"wanted"`
	// Shape is equal for targets that are made in the same way.
	Shape    int    `json:"shape"`
	Results  []int  `json:"results"`         // vertices that it ends in
	Vertices []int  `json:"vertices"`        // all that it reaches
	After    []int  `json:"after,omitempty"` // targets
	Facts    []Fact `json:"facts,omitempty"`

	// State is that of the runner, or "".
	State string `json:"state,omitempty"`
	// Text says in a few words how it ended.
	Text string `json:"text,omitempty"`
	// Failure counts from 1; 0 is none.
	Failure  int       `json:"failure,omitempty"`
	Blocker  int       `json:"blocker,omitempty"` // the target that blocked it, counted from 1
	Why      []string  `json:"why,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Exporting is the end of the last attempt, in which outputs were written.
	Exporting float64 `json:"exporting,omitempty"`
}

// Attempt is one try to build a target.
type Attempt struct {
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// Vertex is a stage, an image or a context.
type Vertex struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Names    []string `json:"names,omitempty"`
	Platform string   `json:"platform,omitempty"`
	Place    *Place   `json:"place,omitempty"`
	Layer    int      `json:"layer"`
	// Steps are the instructions that the builder counts.
	Steps   []string `json:"steps,omitempty"`
	Inputs  []Input  `json:"inputs,omitempty"`
	Args    []Fact   `json:"args,omitempty"`
	Targets []int    `json:"targets"`
	// Before is how long it took when it last ran; 0 is not known.
	Before float64 `json:"before,omitempty"`

	// State is run, cached, failed, running, same or "": "same" is a stage whose result the
	// builder took from another one.
	State string `json:"state,omitempty"`
	// Start and End are the ends of the time in which the builder worked on it,
	// and Seconds is what its steps took.
	Start   float64 `json:"start,omitempty"`
	End     float64 `json:"end,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Failure int     `json:"failure,omitempty"` // counted from 1
}

// Place is lines of a file, counted from 1.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
	End  int    `json:"end"`
}

// Input is what a vertex starts from or takes from.
type Input struct {
	Vertex int    `json:"vertex"`
	Why    string `json:"why"`
	Line   int    `json:"line,omitempty"`
}

// Step is one step of a run.
type Step struct {
	Vertex  int     `json:"vertex"` // -1 is none
	Label   string  `json:"label,omitempty"`
	Name    string  `json:"name"`
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	State   string  `json:"state"` // run, cached, running or failed
}

// Failure is one failure, and the targets that came to it.
type Failure struct {
	Targets []int  `json:"targets"`
	Place   string `json:"place,omitempty"`
	Step    string `json:"step,omitempty"`
	Text    string `json:"text"`
	Excerpt []Line `json:"excerpt,omitempty"`
	// Log is the end of what the step printed, and Left says that there is more.
	Log  []string `json:"log,omitempty"`
	Left bool     `json:"left,omitempty"`
	// More is the command that prints all of it.
	More string `json:"more,omitempty"`
}

// Line is a line of a Dockerfile; Marked is one of the failed instruction.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
	Marked bool   `json:"marked,omitempty"`
}

// Sound makes data safe to show, wherever it is from: what refers to something that
// is not there is taken out, and a layer is not above what it can be.
func (d *Data) Sound() {
	d.Targets = slices.DeleteFunc(d.Targets, func(t *Target) bool { return t == nil })
	d.Vertices = slices.DeleteFunc(d.Vertices, func(v *Vertex) bool { return v == nil })
	vertices := func(list []int) []int { return within(list, len(d.Vertices)) }
	targets := func(list []int) []int { return within(list, len(d.Targets)) }
	d.Critical = vertices(d.Critical)
	d.Failures = slices.DeleteFunc(d.Failures, func(f *Failure) bool { return f == nil })
	for _, f := range d.Failures {
		f.Targets = targets(f.Targets)
	}
	for _, t := range d.Targets {
		t.Results, t.Vertices, t.After = vertices(t.Results), vertices(t.Vertices), targets(t.After)
	}
	d.Targets, d.Vertices, d.Facts = append([]*Target{}, d.Targets...), append([]*Vertex{}, d.Vertices...), append([]Fact{}, d.Facts...)
	for i, v := range d.Vertices {
		v.Targets = targets(v.Targets)
		v.Layer = min(max(v.Layer, 0), len(d.Vertices))
		v.Inputs = slices.DeleteFunc(v.Inputs, func(in Input) bool { return in.Vertex < 0 || in.Vertex >= i })
	}
}

// within leaves out what is not below n.
func within(list []int, n int) []int {
	out := []int{}
	for _, i := range list {
		if i >= 0 && i < n {
			out = append(out, i)
		}
	}
	return out
}

// maxLine is how much of a line is shown, in characters.
const maxLine = 2000

// Short cuts a line of a file or an output that is too long to be shown: it may be
// a whole file that someone has packed.
func Short(line string) string {
	if len(line) <= maxLine {
		return line
	}
	return strings.ToValidUTF8(line[:maxLine], "") + "…"
}
