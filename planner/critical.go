package planner

import (
	"slices"
	"time"
)

// Times says how long vertices took when they last ran, by their IDs. A vertex
// that is not in it has never been recorded.
type Times map[string]time.Duration

// CriticalPath is the longest chain of work in a plan: no build can be sooner
// than that, whatever runs beside it.
type CriticalPath struct {
	// Vertices go from the base to the result; all are stages or opaque.
	Vertices []*Vertex
	// Time is the sum of the recorded times of Vertices, and Timed says of
	// how many of them there is one. Of the others the time was estimated to
	// find the longest chain.
	Time  time.Duration
	Timed int
}

// CriticalPath returns the chain that takes the most time, going by what was
// recorded. A stage that was never recorded is taken to need as long for a step
// as the recorded ones did: to count it as nothing would hide the chain that
// grew. With no times, or among equals, it is the one with the most stages, and
// then the one with the most steps.
func (p *Plan) CriticalPath(times Times) CriticalPath {
	chains := p.Chains(times)
	var end *Vertex
	for _, v := range p.Graph.Vertices {
		if v.Runs() && (end == nil || chains[v].longer(chains[end])) {
			end = v
		}
	}
	return chains.path(end, times)
}

// Chain is the longest chain of work that ends in a vertex.
type Chain struct {
	Known  time.Duration // what was recorded of it
	Stages int
	time   time.Duration // with what is estimated
	steps  int
	below  *Vertex // the vertex before it; nil at the start
}

func (c Chain) longer(than Chain) bool {
	if c.time != than.time {
		return c.time > than.time
	}
	if c.Stages != than.Stages {
		return c.Stages > than.Stages
	}
	return c.steps > than.steps
}

// Chains holds the chain of each vertex of a plan.
type Chains map[*Vertex]Chain

// Chains measures every vertex; inputs come before what uses them.
func (p *Plan) Chains(times Times) Chains {
	out := make(Chains, len(p.Graph.Vertices))
	step := p.stepTime(times)
	for _, v := range p.Graph.Vertices {
		var c Chain
		for _, e := range v.Inputs {
			if in := out[e.From]; in.Stages > 0 && (c.below == nil || in.longer(out[c.below])) {
				c.below = e.From
			}
		}
		if c.below != nil {
			in := out[c.below]
			c.time, c.Known, c.Stages, c.steps = in.time, in.Known, in.Stages, in.steps
		}
		if v.Runs() {
			c.Stages++
			c.steps += len(v.Steps)
		}
		took, recorded := times[v.ID]
		c.Known += took
		if !recorded && v.Runs() {
			took = step * time.Duration(max(1, len(v.Steps)))
		}
		c.time += took
		out[v] = c
	}
	return out
}

// stepTime is how long a step takes on average, by what was recorded.
func (p *Plan) stepTime(times Times) time.Duration {
	var total time.Duration
	steps := 0
	for _, v := range p.Graph.Vertices {
		if took, ok := times[v.ID]; ok && v.Runs() {
			total += took
			steps += max(1, len(v.Steps))
		}
	}
	return total / time.Duration(max(1, steps))
}

func (c Chains) path(end *Vertex, times Times) CriticalPath {
	var out CriticalPath
	for v := end; v != nil; v = c[v].below {
		out.Vertices = append(out.Vertices, v)
		if d, ok := times[v.ID]; ok {
			out.Timed++
			out.Time += d
		}
	}
	slices.Reverse(out.Vertices)
	return out
}
