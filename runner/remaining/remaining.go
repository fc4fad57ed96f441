// Package remaining estimates how long a run still takes, from what its stages took
// before and what of them is done. It only adds up: it knows neither why something takes
// long nor what will run, and where too little is known it says so.
package remaining

import (
	"sync"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/chain"
)

// enough is how much of what is left must be known, by the number of RUN steps, for an
// estimate to be one.
const enough = 0.8

// Times say how long things took.
type Times struct {
	// Vertex is the time of a vertex; false if it is not known.
	Vertex func(*planner.Vertex) (time.Duration, bool)
	// Export is the time of a build's outputs.
	Export func(*planner.Build) time.Duration
	// Now is the time; nil is the clock.
	Now func() time.Time
}

// Estimate is the estimate of one run. Its methods may be called from several
// goroutines.
type Estimate struct {
	plan   *planner.Plan
	times  Times
	places int

	mu    sync.Mutex
	begun map[*planner.Vertex]time.Time
	done  map[*planner.Vertex]bool
}

// New returns the estimate of a run with so many places for RUN steps; 0 means no limit.
func New(plan *planner.Plan, times Times, places int) *Estimate {
	if times.Now == nil {
		times.Now = time.Now
	}
	return &Estimate{plan: plan, times: times, places: places, begun: map[*planner.Vertex]time.Time{}, done: map[*planner.Vertex]bool{}}
}

// Event takes what happens in the run.
func (e *Estimate) Event(event runner.Event) {
	a, ok := event.(runner.Activity)
	if e == nil || !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch a.Kind {
	case runner.WorkStarted:
		if e.begun[a.Vertex].IsZero() {
			e.begun[a.Vertex] = e.times.Now()
		}
	case runner.VertexDone:
		e.done[a.Vertex] = true
	}
}

// Left is how long the run still takes; 0 if that is not known. It is the longest chain
// of what is left, or all of it spread over the places, whichever takes longer.
func (e *Estimate) Left() time.Duration {
	if e == nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.begun) == 0 { // so far everything was there
		return 0
	}
	longest := make(map[*planner.Vertex]time.Duration, len(e.plan.Graph.Vertices))
	var work time.Duration
	known, unknown := 0, 0
	for _, v := range e.plan.Graph.Vertices {
		if e.done[v] {
			continue
		}
		took, ok := e.times.Vertex(v)
		runs := chain.Runs(v)
		if ok {
			known += runs
		} else {
			unknown += runs
		}
		if begun := e.begun[v]; !begun.IsZero() {
			took = max(0, took-e.times.Now().Sub(begun))
		}
		for _, in := range v.Inputs {
			longest[v] = max(longest[v], longest[in.From])
		}
		longest[v] += took
		if runs > 0 {
			work += took
		}
	}
	if float64(known) < enough*float64(known+unknown) {
		return 0
	}
	var left time.Duration
	for _, b := range e.plan.Builds {
		for _, v := range b.Stages {
			if !e.done[v] {
				left = max(left, longest[v]+e.times.Export(b))
			}
		}
	}
	if e.places > 0 {
		left = max(left, work/time.Duration(e.places))
	}
	return left
}
