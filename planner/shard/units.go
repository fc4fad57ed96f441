package shard

import (
	"cmp"
	"slices"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// Times say how long things are expected to take.
type Times struct {
	// Vertex is the time of a vertex by itself, and Export the time of the outputs
	// of a build.
	Vertex func(*planner.Vertex) time.Duration
	Export func(*planner.Build) time.Duration
	// Recorded says whether the time of a vertex was recorded; nil says no.
	Recorded func(*planner.Vertex) bool
}

// cell is a target for one platform.
type cell struct {
	build *planner.Build
	at    int // in the platforms of the build
	reach []*planner.Vertex
}

func (c cell) stage() *planner.Vertex { return c.build.Stages[c.at] }

// platform is the platform of a cell; "" if the target names none.
func (c cell) platform() string {
	if len(c.build.Platforms) == 0 {
		return ""
	}
	return c.build.Platforms[c.at]
}

// unit are cells that are built together.
type unit struct {
	cells []cell
	// own is the time of what no other unit needs, and shared are the vertices
	// that others need too, by their numbers.
	own    time.Duration
	shared []int
	// whole is the time of the unit when nothing is there.
	whole time.Duration
}

// graph is a plan taken apart into units.
type graph struct {
	plan   *planner.Plan
	times  Times
	units  []*unit
	shared []*planner.Vertex
}

// takeApart finds the units of a plan.
func takeApart(plan *planner.Plan, times Times, by By) *graph {
	g := &graph{plan: plan, times: times}
	cells := cellsOf(plan)
	for _, group := range joined(cells, func(b *planner.Build) bool { return by.Platform && divisible(b) }) {
		g.units = append(g.units, &unit{cells: group})
	}
	if !by.Target {
		g.joinPlatforms()
	}
	g.measure()
	return g
}

// Unit is what has to be built together: parts of targets, each of a target of
// its own.
type Unit struct {
	Parts []Part
	// Reached are the vertices that it needs, each once, and Export is what its
	// outputs take.
	Reached []*planner.Vertex
	Export  time.Duration
}

// Units takes a plan apart into what has to be built together. divisible says
// which targets may have their platforms built apart.
func Units(plan *planner.Plan, buildPlatform string, export func(*planner.Build) time.Duration, divisible func(*planner.Build) bool) []Unit {
	var out []Unit
	for _, group := range joined(cellsOf(plan), divisible) {
		u := Unit{Parts: partsOf(group, buildPlatform)}
		seen := map[*planner.Vertex]bool{}
		for _, c := range group {
			u.Export += export(c.build) / time.Duration(len(c.build.Stages))
			for _, v := range c.reach {
				if !seen[v] {
					seen[v] = true
					u.Reached = append(u.Reached, v)
				}
			}
		}
		out = append(out, u)
	}
	return out
}

// joined are the cells that are built together.
func joined(cells []cell, divisible func(*planner.Build) bool) [][]cell {
	sets := newSets(len(cells))
	index := map[*planner.Build][]int{}
	for i, c := range cells {
		index[c.build] = append(index[c.build], i)
	}
	for i, c := range cells {
		if !divisible(c.build) {
			sets.join(i, index[c.build][0])
		}
		for _, linked := range linkedCells(c, index, cells) {
			sets.join(i, linked)
		}
	}
	var out [][]cell
	for _, group := range sets.groups() {
		var one []cell
		for _, i := range group {
			one = append(one, cells[i])
		}
		out = append(out, one)
	}
	return out
}

// joinPlatforms makes one unit of all that is for one platform.
func (g *graph) joinPlatforms() {
	byPlatform := map[string]*unit{}
	var out []*unit
	for _, u := range g.units {
		key := u.cells[0].platform()
		if have := byPlatform[key]; have != nil {
			have.cells = append(have.cells, u.cells...)
			continue
		}
		byPlatform[key] = u
		out = append(out, u)
	}
	g.units = out
}

// cellsOf lists the targets that were asked for, by platform.
func cellsOf(plan *planner.Plan) []cell {
	var out []cell
	for _, b := range plan.Builds {
		if !b.Wanted {
			continue
		}
		for at := range b.Stages {
			out = append(out, cell{b, at, reach(b.Stages[at])})
		}
	}
	return out
}

// reach lists a vertex and all that it needs, each once.
func reach(v *planner.Vertex) []*planner.Vertex {
	seen := map[*planner.Vertex]bool{v: true}
	out := []*planner.Vertex{v}
	for i := 0; i < len(out); i++ {
		for _, e := range out[i].Inputs {
			if !seen[e.From] {
				seen[e.From] = true
				out = append(out, e.From)
			}
		}
	}
	return out
}

// divisible says whether the platforms of a target can be built apart: if each
// of its results is an image in a registry, an index can be made of them
// afterwards.
func divisible(b *planner.Build) bool {
	return !slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool {
		return o.Type != "cacheonly" && (!o.Push || o.ByDigest || o.Form != config.ImageForm)
	})
}

// linkedCells are the cells of the targets that a cell links to, on the platforms
// that it uses; if it uses none, on its own, or else on all that these have.
func linkedCells(c cell, index map[*planner.Build][]int, cells []cell) []int {
	reached := map[*planner.Vertex]bool{}
	for _, v := range c.reach {
		reached[v] = true
	}
	var out []int
	for _, in := range linked(c.build) {
		used := slices.DeleteFunc(slices.Clone(index[in]), func(i int) bool { return !reached[cells[i].stage()] })
		if len(used) == 0 {
			used = slices.DeleteFunc(slices.Clone(index[in]), func(i int) bool { return cells[i].platform() != c.platform() })
		}
		if len(used) == 0 {
			used = index[in]
		}
		out = append(out, used...)
	}
	return out
}

// linked are the builds that a build needs, also through others.
func linked(b *planner.Build) []*planner.Build {
	var out []*planner.Build
	seen := map[*planner.Build]bool{}
	var visit func(*planner.Build)
	visit = func(b *planner.Build) {
		for _, in := range b.Inputs {
			if !seen[in] {
				seen[in] = true
				out = append(out, in)
				visit(in)
			}
		}
	}
	visit(b)
	return out
}

// measure sums up what the units take.
func (g *graph) measure() {
	needs := map[*planner.Vertex]int{}
	reached := make([]map[*planner.Vertex]bool, len(g.units))
	for i, u := range g.units {
		reached[i] = map[*planner.Vertex]bool{}
		for _, c := range u.cells {
			for _, v := range c.reach {
				reached[i][v] = true
			}
			u.own += g.times.Export(c.build) / time.Duration(len(c.build.Stages))
		}
		for v := range reached[i] {
			needs[v]++
		}
	}
	number := map[*planner.Vertex]int{}
	for _, v := range g.plan.Graph.Vertices {
		if needs[v] > 1 && g.times.Vertex(v) > 0 {
			number[v] = len(g.shared)
			g.shared = append(g.shared, v)
		}
	}
	for i, u := range g.units {
		for v := range reached[i] {
			if n, ok := number[v]; ok {
				u.shared = append(u.shared, n)
				u.whole += g.times.Vertex(v)
			} else {
				u.own += g.times.Vertex(v)
			}
		}
		u.whole += u.own
		slices.Sort(u.shared)
	}
}

// sets are numbers that are joined into groups.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) find(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

func (s sets) join(a, b int) {
	a, b = s.find(a), s.find(b)
	s[max(a, b)] = min(a, b)
}

// groups are the numbers by group, each in order.
func (s sets) groups() [][]int {
	var out [][]int
	at := map[int]int{}
	for i := range s {
		root := s.find(i)
		if _, ok := at[root]; !ok {
			at[root] = len(out)
			out = append(out, nil)
		}
		out[at[root]] = append(out[at[root]], i)
	}
	return out
}

// partsOf lists cells by target.
func partsOf(cells []cell, builder string) []Part {
	parts := []Part{}
	at := map[string]int{}
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.build.Name(), b.build.Name()), cmp.Compare(a.at, b.at))
	})
	for _, c := range cells {
		name := c.build.Name()
		if _, ok := at[name]; !ok {
			at[name] = len(parts)
			parts = append(parts, Part{Target: name})
		}
		p := &parts[at[name]]
		if pl := c.platform(); pl != "" {
			p.Platforms = append(p.Platforms, pl)
		}
		p.Tests = p.Tests || len(c.build.Target.Tests) > 0 && c.at == tested(c.build, builder)
	}
	return parts
}

// tested is the platform whose image tests are run in: the builder's, or else
// the first.
func tested(b *planner.Build, builder string) int { return max(0, slices.Index(b.Platforms, builder)) }
