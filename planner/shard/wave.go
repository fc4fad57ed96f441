package shard

import (
	"slices"
	"time"

	"github.com/orch-build/orch/planner"
)

// wave is the job that builds shared stages before the shards. It asks for those
// that something outside of it needs; what these are built on comes with them.
func (g *graph) wave(numbers []int, ways []way) *Wave {
	inside := map[*planner.Vertex]bool{}
	w := &Wave{}
	for _, n := range numbers {
		inside[g.shared[n]] = true
	}
	needed := map[*planner.Vertex]bool{}
	for _, v := range g.plan.Graph.Vertices {
		for _, e := range v.Inputs {
			if inside[e.From] && !inside[v] {
				needed[e.From] = true
			}
		}
	}
	for _, b := range g.plan.Builds {
		for _, v := range b.Stages {
			needed[v] = needed[v] || inside[v]
		}
	}
	for _, n := range numbers {
		v, from := g.shared[n], ways[n].from
		if !needed[v] || from.build == nil {
			continue
		}
		one := WaveStage{Target: from.build.Name(), Stage: g.askedFor(v, from, inside).Name, Platform: from.platform()}
		if !slices.Contains(w.Stages, one) {
			w.Stages = append(w.Stages, one)
		}
	}
	var took time.Duration
	for v := range inside {
		took += g.times.Vertex(v)
	}
	w.Seconds = seconds(took)
	return w
}

// askedFor is the stage that a build is asked for so that it builds a stage. A stage
// without a name cannot be asked for, unless the target ends in it: of those of the
// target that are built on it, that is the one which adds the least. inside is what is
// built anyway, and gets what is added.
func (g *graph) askedFor(v *planner.Vertex, from cell, inside map[*planner.Vertex]bool) *planner.Vertex {
	if !v.Unnamed() || v == from.stage() {
		return v
	}
	var best []*planner.Vertex
	var least time.Duration
	for _, above := range within(from.build, from.stage()) {
		if above.Kind != planner.Stage || above.Unnamed() && above != from.stage() {
			continue
		}
		needs := within(from.build, above)
		if !slices.Contains(needs, v) {
			continue
		}
		var adds time.Duration
		for _, in := range needs {
			if !inside[in] {
				adds += g.times.Vertex(in)
			}
		}
		if best == nil || adds < least || adds == least && len(needs) < len(best) {
			best, least = needs, adds
		}
	}
	if best == nil {
		return from.stage()
	}
	for _, in := range best {
		inside[in] = inside[in] || in.Runs()
	}
	return best[0]
}

// within lists a stage of a build and what it needs in the Dockerfile of the build,
// each once: not what the targets are made of that the build links to.
func within(b *planner.Build, v *planner.Vertex) []*planner.Vertex {
	linked := map[*planner.Vertex]bool{}
	for _, in := range b.Inputs {
		for _, end := range in.Stages {
			linked[end] = true
		}
	}
	seen := map[*planner.Vertex]bool{v: true}
	out := []*planner.Vertex{v}
	for i := 0; i < len(out); i++ {
		if i > 0 && linked[out[i]] {
			continue
		}
		for _, e := range out[i].Inputs {
			if !seen[e.From] {
				seen[e.From] = true
				out = append(out, e.From)
			}
		}
	}
	return slices.DeleteFunc(out, func(v *planner.Vertex) bool { return v != out[0] && linked[v] })
}
