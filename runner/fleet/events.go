package fleet

import (
	"fmt"
	"slices"
	"sync"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// events makes the events of several sessions into the events of one.
type events struct {
	send     func(runner.Event)
	vertices map[string]*planner.Vertex
	byName   map[string]*planner.Vertex
	builds   map[string]*planner.Build

	mu       sync.Mutex
	numbers  map[string]int
	ends     map[string][]string // of targets
	measured map[string]*runner.Measured
	changes  runner.ContextChanges
	warned   map[string]bool
}

func newEvents(plan *planner.Plan, send func(runner.Event)) *events {
	e := &events{
		send: send, vertices: map[string]*planner.Vertex{}, byName: map[string]*planner.Vertex{}, builds: map[string]*planner.Build{},
		numbers: map[string]int{}, ends: map[string][]string{}, measured: map[string]*runner.Measured{}, warned: map[string]bool{},
	}
	for _, v := range plan.Graph.Vertices {
		e.vertices[v.ID] = v
		e.byName[nameOf(v)] = v
	}
	for _, b := range plan.Builds {
		e.builds[b.Name()] = b
	}
	return e
}

// nameOf tells a vertex from others where its ID may differ, because the platform
// of the builder is a part of that.
func nameOf(v *planner.Vertex) string {
	file := ""
	if v.Dockerfile != nil {
		file = v.Dockerfile.Name
	}
	target := ""
	if len(v.Targets) > 0 {
		target = v.Targets[0]
	}
	return fmt.Sprintf("%d|%s|%s|%s|%s", v.Kind, v.Name, v.Platform, file, target)
}

// vertex is the one of the run's plan that a vertex of a part of it is.
func (e *events) vertex(v *planner.Vertex) *planner.Vertex {
	if known := e.vertices[v.ID]; known != nil {
		return known
	}
	return e.byName[nameOf(v)]
}

// of takes the events of one batch.
func (e *events) of(b *batch, _ *planner.Plan) func(runner.Event) {
	return func(ev runner.Event) {
		switch ev := ev.(type) {
		case runner.StepStarted:
			e.send(runner.StepStarted{Step: e.step(b, ev.Step)})
		case runner.StepChanged:
			e.send(runner.StepChanged{Step: e.step(b, ev.Step)})
		case runner.StepFinished:
			e.send(runner.StepFinished{Step: e.step(b, ev.Step)})
		case runner.StepOutput:
			e.send(runner.StepOutput{ID: b.id(ev.ID), Data: ev.Data})
		case runner.TargetSteps:
			e.send(e.targetSteps(b, ev))
		case runner.Activity:
			if v := e.vertex(ev.Vertex); v != nil {
				ev.Vertex = v
				e.send(ev)
			}
		case runner.Warning:
			if e.first(fmt.Sprint(ev.Text, ev.File, ev.Line)) {
				e.send(ev)
			}
		case runner.Measured:
			e.measure(ev)
		case runner.MountUsed:
			mount := *ev.MountReport
			mount.Builder = b.node.Name
			e.send(runner.MountUsed{MountReport: &mount})
		case runner.ContextChanges:
			e.mu.Lock()
			e.changes = append(e.changes, ev...)
			e.mu.Unlock()
		default:
			e.send(ev)
		}
	}
}

// id is the ID of a step, which several builders may have.
func (b *batch) id(step string) string { return fmt.Sprintf("%d:%s", b.number, step) }

// step is a step of a batch as one of the whole run.
func (e *events) step(b *batch, s *runner.Step) *runner.Step {
	out := *s
	out.ID, out.Builder = b.id(s.ID), b.node.Name
	out.Title = b.node.Name + ": " + s.Title
	out.Vertices = nil
	for _, v := range s.Vertices {
		if known := e.vertex(v); known != nil {
			out.Vertices = append(out.Vertices, known)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.numbers[out.ID] == 0 {
		e.numbers[out.ID] = len(e.numbers) + 1
	}
	out.Number = e.numbers[out.ID]
	return &out
}

// targetSteps are the ends of a target on all builders.
func (e *events) targetSteps(b *batch, ev runner.TargetSteps) runner.TargetSteps {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ev.Steps {
		if id = b.id(id); !slices.Contains(e.ends[ev.Target], id) {
			e.ends[ev.Target] = append(e.ends[ev.Target], id)
		}
	}
	return runner.TargetSteps{Target: ev.Target, Steps: slices.Clone(e.ends[ev.Target])}
}

// first says whether something is heard for the first time.
func (e *events) first(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.warned[text]
	e.warned[text] = true
	return !known
}

func (e *events) warn(text string) { e.send(runner.Warning{Text: text}) }

// measure adds up what is known of a target that several builders have.
func (e *events) measure(m runner.Measured) {
	b := e.builds[m.Build.Name()]
	if b == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.measured[b.Name()]
	if all == nil {
		m.Build = b
		e.measured[b.Name()] = &m
		return
	}
	all.Steps.Run += m.Steps.Run
	all.Steps.Cached += m.Steps.Cached
	if all.ImageSize == 0 {
		all.ImageSize, all.BuildStage, all.BuildStageSize = m.ImageSize, m.BuildStage, m.BuildStageSize
	}
}

// end sends what is known at the end of all sessions.
func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.changes) > 0 {
		e.send(e.changes)
	}
	for _, m := range e.measured {
		e.send(*m)
	}
}

// failure is an error of a batch as one of the whole run.
func (e *events) failure(b *batch, err error) error {
	f := runner.AsFailure(err)
	if f == nil {
		return err
	}
	out := *f
	out.Builder = b.node.Name
	if e.vertices[out.Vertex] == nil {
		out.Vertex = "" // one that only this builder has
	}
	if out.StepID != "" {
		out.StepID = b.id(out.StepID)
	}
	return &out
}
