// Package chain keeps track of what is left of a plan while it is run:
// which vertices are done, which the builder works on and for which build, and
// how long the longest chain is that is still ahead of each build. From that it
// says which builds can do something now, and which only wait for a vertex that
// another build has the builder work on.
//
// It is a picture and decides nothing: it knows neither places nor builders nor
// clocks, and how long a vertex takes is handed in.
package chain

import (
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/planner"
)

// Times say how long things are expected to take.
type Times struct {
	// Vertex is the time of a vertex by itself.
	Vertex func(*planner.Vertex) time.Duration
	// Export is the time of a build's outputs.
	Export func(*planner.Build) time.Duration
}

// Steps are the times where nothing is recorded: they count steps, and a RUN
// for ten of the others.
var Steps = Times{
	Vertex: func(v *planner.Vertex) time.Duration { return StepTime(v, time.Second) },
	Export: func(*planner.Build) time.Duration { return 0 },
}

// StepTime is the time of a vertex if each of its RUN steps takes that long.
func StepTime(v *planner.Vertex, run time.Duration) time.Duration {
	if v.Kind == planner.Opaque {
		return run
	}
	runs := Runs(v)
	return time.Duration(runs)*run + time.Duration(len(v.Steps)-runs)*run/10
}

// Runs counts the RUN steps of a vertex.
func Runs(v *planner.Vertex) int {
	n := 0
	for _, s := range v.Steps {
		if word, _, _ := strings.Cut(s.Text, " "); strings.EqualFold(word, "RUN") {
			n++
		}
	}
	return n
}

// state is how far a vertex is.
type state uint8

const (
	unknown state = iota
	claimed       // a build that was started is about to come to it
	begun         // the builder works on it
	done
)

// Graph is the state of a plan's graph. It belongs to one goroutine.
type Graph struct {
	index  map[*planner.Vertex]int32
	inputs [][]int32
	took   []time.Duration
	after  []time.Duration // the longest chain of what is built on a vertex
	export map[*planner.Build]time.Duration
	work   []bool // it has something to run

	state  []state
	active map[string]started // by the name of the build
	starts int
	owned  map[*planner.Build]map[int32]bool
	owner  []*planner.Build

	stale   bool
	left    []time.Duration // the longest chain that ends with a vertex
	open    []bool          // something that leads to it can be begun now
	blocked []bool          // something that leads to it is being worked on
}

// started is a build that has been started, and as which one.
type started struct {
	build *planner.Build
	rank  int
}

// New returns the graph of a plan of which nothing is done.
func New(plan *planner.Plan, times Times) *Graph {
	vertices := plan.Graph.Vertices
	n := len(vertices)
	g := &Graph{
		index: make(map[*planner.Vertex]int32, n), inputs: make([][]int32, n),
		took: make([]time.Duration, n), after: make([]time.Duration, n), work: make([]bool, n),
		export: make(map[*planner.Build]time.Duration, len(plan.Builds)),
		state:  make([]state, n), active: map[string]started{},
		owned: map[*planner.Build]map[int32]bool{}, owner: make([]*planner.Build, n),
		left: make([]time.Duration, n), open: make([]bool, n), blocked: make([]bool, n),
		stale: true,
	}
	for i, v := range vertices {
		g.index[v] = int32(i)
		g.took[i] = times.Vertex(v)
		g.work[i] = v.Kind == planner.Opaque || Runs(v) > 0
		for _, e := range v.Inputs {
			g.inputs[i] = append(g.inputs[i], g.index[e.From])
		}
	}
	for _, b := range plan.Builds {
		g.export[b] = times.Export(b)
		for _, v := range b.Stages {
			g.after[g.index[v]] = max(g.after[g.index[v]], g.export[b])
		}
	}
	for i := range slices.Backward(vertices) {
		for _, in := range g.inputs[i] {
			g.after[in] = max(g.after[in], g.took[i]+g.after[i])
		}
	}
	return g
}

// Start enters a build that has been started.
func (g *Graph) Start(b *planner.Build) {
	g.starts++
	g.active[b.Name()] = started{b, g.starts}
}

// Claim takes all that a build that was started can begin for worked on, before
// the builder says so.
func (g *Graph) Claim(b *planner.Build) {
	g.survey()
	seen := map[int32]bool{}
	var pending []int32
	for _, v := range b.Stages {
		pending = append(pending, g.index[v])
	}
	for len(pending) > 0 {
		i := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[i] || !g.open[i] {
			continue
		}
		seen[i] = true
		if slices.ContainsFunc(g.inputs[i], func(in int32) bool { return g.open[in] }) {
			pending = append(pending, g.inputs[i]...)
			continue
		}
		g.own(i, claimed, b)
	}
}

// own enters that a vertex is worked on for a build.
func (g *Graph) own(i int32, s state, b *planner.Build) {
	if g.owned[b] == nil {
		g.owned[b] = map[int32]bool{}
	}
	g.owned[b][i] = true
	g.state[i], g.owner[i], g.stale = s, b, true
}

// disown takes back that a vertex is worked on for a build.
func (g *Graph) disown(i int32) {
	if b := g.owner[i]; b != nil {
		delete(g.owned[b], i)
		g.owner[i] = nil
	}
	g.state[i], g.stale = unknown, true
}

// Unclaim takes back what Claim took for granted and has not come true.
func (g *Graph) Unclaim(b *planner.Build) {
	for i := range g.owned[b] {
		if g.state[i] == claimed {
			g.disown(i)
		}
	}
}

// Finish takes a build out again that is good: so is all that it is made of.
func (g *Graph) Finish(b *planner.Build) {
	delete(g.active, b.Name())
	for _, v := range b.Stages {
		g.Done(v)
	}
	g.Drop(b)
}

// Drop takes a build out again that is not good, or that begins anew.
func (g *Graph) Drop(b *planner.Build) {
	delete(g.active, b.Name())
	for i := range g.owned[b] {
		g.disown(i)
	}
	delete(g.owned, b)
}

// Begin enters that the builder works on a vertex, and returns the build that
// it does so for: the one that was started first of those that need it. It is
// nil if there is none.
func (g *Graph) Begin(v *planner.Vertex) *planner.Build {
	i, ok := g.index[v]
	if !ok || g.state[i] == done {
		return nil
	}
	if g.state[i] == begun {
		return g.owner[i]
	}
	first := started{}
	for _, name := range v.Targets {
		if s, ok := g.active[name]; ok && (first.build == nil || s.rank < first.rank) {
			first = s
		}
	}
	if first.build == nil {
		return nil
	}
	g.disown(i)
	g.own(i, begun, first.build)
	return first.build
}

// Release takes back that the builder works on a vertex.
func (g *Graph) Release(v *planner.Vertex) {
	if i, ok := g.index[v]; ok && g.state[i] == begun {
		g.disown(i)
	}
}

// Done enters that a vertex, and so all that it is made from, is done.
func (g *Graph) Done(v *planner.Vertex) {
	i, ok := g.index[v]
	if !ok {
		return
	}
	pending := []int32{i}
	for len(pending) > 0 {
		i := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if g.state[i] == done {
			continue
		}
		g.disown(i)
		g.state[i] = done
		pending = append(pending, g.inputs[i]...)
	}
}

// Left is how long the longest chain is that begins with something of a build
// that is not done, and goes on through it to what is built on it.
func (g *Graph) Left(b *planner.Build) time.Duration {
	g.survey()
	longest := g.export[b]
	for _, v := range b.Stages {
		i := g.index[v]
		longest = max(longest, g.left[i]+g.after[i])
	}
	return longest
}

// CanWork says whether a build that was not started would have something to do
// if it were: it would not if all that is left waits for vertices that the
// builder works on already.
func (g *Graph) CanWork(b *planner.Build) bool {
	g.survey()
	return !g.held(b)
}

// Waits says whether a build that was started has nothing to do until a vertex
// is done that the builder works on for another build.
func (g *Graph) Waits(b *planner.Build) bool {
	g.survey()
	return len(g.owned[b]) == 0 && g.held(b)
}

// held says whether nothing can be begun for a build and something of it is
// being worked on.
func (g *Graph) held(b *planner.Build) bool {
	blocked := false
	for _, v := range b.Stages {
		i := g.index[v]
		if g.open[i] {
			return false
		}
		blocked = blocked || g.blocked[i]
	}
	return blocked
}

// survey computes, in one pass, what is left.
func (g *Graph) survey() {
	if !g.stale {
		return
	}
	g.stale = false
	for i := range g.state {
		g.left[i], g.open[i], g.blocked[i] = 0, false, false
		if g.state[i] == done {
			continue
		}
		for _, in := range g.inputs[i] {
			g.left[i] = max(g.left[i], g.left[in])
			g.open[i] = g.open[i] || g.open[in]
			g.blocked[i] = g.blocked[i] || g.blocked[in]
		}
		g.left[i] += g.took[i]
		switch {
		case g.state[i] == claimed || g.state[i] == begun:
			g.open[i], g.blocked[i] = false, true
		case !g.open[i] && !g.blocked[i]:
			// All that it is made from is there, or runs nothing.
			g.open[i] = g.work[i]
		}
	}
}
