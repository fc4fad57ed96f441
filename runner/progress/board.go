package progress

import (
	"cmp"
	"slices"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// board is what is known of a run: its targets, and its steps with what they print.
type board struct {
	targets []*targetLine // in the order of the plan
	byName  map[string]*targetLine
	counts  runner.Counts
	// stages is how many stages there are, and done those that have their results.
	stages int
	done   map[*planner.Vertex]bool
	steps  map[string]*stepLog
	order  []*stepLog // of steps, as they began
	kept   int        // bytes of output of steps that are over
	// keep says that the output of steps that are over is wanted.
	keep bool
}

// targetLine is what is known of a target.
type targetLine struct {
	name   string
	inputs []string // the targets that it is built on
	state  runner.State
	began  time.Time
	took   time.Duration
	cause  string
	why    string
	news   bool // a step was run for it
}

func newBoard() *board {
	return &board{byName: map[string]*targetLine{}, done: map[*planner.Vertex]bool{}, steps: map[string]*stepLog{}}
}

// begin takes the targets of a run, and its stages.
func (b *board) begin(o *outline) {
	for _, t := range o.targets {
		if b.byName[t.name] == nil {
			line := t
			b.targets = append(b.targets, &line)
			b.byName[t.name] = &line
		}
	}
	b.stages = o.stages
}

// target takes a change.
func (b *board) target(c *change) {
	b.counts = c.counts
	t := b.byName[c.name]
	if t == nil {
		t = &targetLine{name: c.name}
		b.targets = append(b.targets, t)
		b.byName[c.name] = t
	}
	if c.state == runner.Running && (t.state != runner.Running || t.began.IsZero()) {
		t.began = time.Now()
	}
	t.state, t.took, t.cause, t.why = c.state, c.took, c.cause, c.why
}

// event takes what happens to a step or a stage.
func (b *board) event(e runner.Event) {
	switch e := e.(type) {
	case runner.StepStarted:
		b.started(e.Step)
	case runner.StepChanged:
		if s := b.steps[e.ID]; s != nil {
			s.Step = e.Step
		}
	case runner.StepOutput:
		if s := b.steps[e.ID]; s != nil {
			s.add(e.Data)
		}
	case runner.StepFinished:
		b.finished(e.Step)
	case runner.Activity:
		if e.Kind == runner.VertexDone && e.Vertex.Kind == planner.Stage {
			b.done[e.Vertex] = true
		}
	}
}

func (b *board) started(step *runner.Step) {
	if s := b.steps[step.ID]; s != nil {
		s.Step = step
		return
	}
	s := &stepLog{Step: step}
	b.steps[step.ID] = s
	b.order = append(b.order, s)
}

func (b *board) finished(step *runner.Step) {
	if !step.Cached && !step.Internal && step.Error == "" {
		for _, name := range step.Targets {
			if t := b.byName[name]; t != nil {
				t.news = true
			}
		}
	}
	s := b.steps[step.ID]
	switch {
	case s == nil:
		return
	case !b.keep:
		delete(b.steps, step.ID)
		b.order = slices.DeleteFunc(b.order, func(o *stepLog) bool { return o == s })
		return
	}
	over := *step
	over.Done = true
	s.Step = &over
	b.kept += s.size
	for _, old := range b.order {
		if b.kept <= maxKept {
			break
		}
		if old.Done && old != s {
			b.kept -= old.size
			old.lines, old.size = nil, 0
		}
	}
}

// running are the steps that run, in the order of their numbers.
func (b *board) running() []*stepLog {
	var out []*stepLog
	for _, s := range b.order {
		if !s.Done {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(x, y *stepLog) int { return cmp.Compare(x.Number, y.Number) })
	return out
}

// stepsOf are the steps that were shown of a target.
func (b *board) stepsOf(target string) []*stepLog {
	var out []*stepLog
	for _, s := range b.order {
		if slices.Contains(s.Targets, target) && (!s.Internal || len(s.lines) > 0) {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(x, y *stepLog) int {
		return cmp.Or(x.Started.Compare(y.Started), cmp.Compare(x.Number, y.Number))
	})
	return out
}

// waitsFor are the inputs of a target that are not done.
func (b *board) waitsFor(t *targetLine) []string {
	var out []string
	for _, name := range t.inputs {
		if in := b.byName[name]; in != nil && !in.state.Over() {
			out = append(out, name)
		}
	}
	return out
}

// inState are the names of the targets in a state.
func (b *board) inState(s runner.State) []string {
	var out []string
	for _, t := range b.targets {
		if t.state == s {
			out = append(out, t.name)
		}
	}
	return out
}
