package shard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// By says what may be in different shards.
type By struct{ Target, Platform bool }

// Options say how a plan is divided.
type Options struct {
	// Count is the number of shards; 0 chooses it, up to Most.
	Count, Most int
	By          By
	// Waves builds what several shards need before them.
	Waves bool
	Times Times
	// BuildPlatform is the plan's.
	BuildPlatform string
	// Digest is the sum of a target's inputs and tests; nil leaves it out.
	Digest func(*planner.Build) string
}

// goodLength is how long a shard should be where their number is not given.
const goodLength = 5 * time.Minute

// Reading estimates how long it takes to read a stage from a lane: a second for
// the requests, and a tenth of what building it takes for its layers.
func Reading(build time.Duration) time.Duration { return time.Second + build/10 }

// NoLaneError says that a plan with waves needs a cache that the shards read.
type NoLaneError struct {
	Stage, Target string
	ReadOnly      bool
}

func (e *NoLaneError) Error() string {
	text := fmt.Sprintf("the stage %q of target %q is needed by several shards, and no cache carries it from one job to another: "+
		"write a cache block, such as cache { type = \"registry\", ref = \"registry.example.com/team/cache\" }", e.Stage, e.Target)
	if e.ReadOnly {
		text = fmt.Sprintf("the stage %q of target %q is needed by several shards, and the cache of that target is not written in this run: "+
			"see its attribute \"when\"", e.Stage, e.Target)
	}
	return text
}

// Make divides a plan. What is not about the targets is left to the caller, and
// so is Seal.
func Make(plan *planner.Plan, opt Options) (*File, error) {
	g := takeApart(plan, opt.Times, opt.By)
	f := &File{Version: Version, BuildPlatform: opt.BuildPlatform, Targets: []Target{}, Shards: []Shard{}}
	for _, b := range plan.Builds {
		f.Order = append(f.Order, b.Name())
		if !b.Wanted {
			continue
		}
		t := Target{Name: b.Name(), Platforms: b.Platforms, Tags: tagsOf(b), Pushed: pushed(b)}
		if opt.Digest != nil {
			t.Digest = opt.Digest(b)
		}
		for _, test := range b.Target.Tests {
			t.Tests = append(t.Tests, test.Name)
		}
		f.Targets = append(f.Targets, t)
	}
	if len(g.units) == 0 {
		f.Estimate = g.estimate(nil, 0)
		for i := range opt.Count {
			f.Shards = append(f.Shards, Shard{Index: i + 1, Parts: []Part{}})
		}
		return f, nil
	}
	ways, err := g.ways(opt.Waves)
	if err != nil {
		return nil, err
	}
	p := g.packed(ways, opt)
	g.fill(f, p, ways, opt)
	return f, nil
}

// tagsOf are the tags that a target is pushed with.
func tagsOf(b *planner.Build) []string {
	tags := slices.Clone(b.Target.Tags)
	for _, o := range b.Target.Outputs {
		for _, name := range o.Names {
			if !slices.Contains(tags, strings.TrimSpace(name)) {
				tags = append(tags, strings.TrimSpace(name))
			}
		}
	}
	return tags
}

// pushed says whether a target is pushed to a registry.
func pushed(b *planner.Build) bool {
	return slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Push })
}

// way is how the shards get a vertex that several units share.
type way struct {
	how  string
	from cell // one of the targets that the stage is written in
	// cost is its time in each of several shards. A shard that has all units which
	// share it builds it: nobody puts it into the lane before.
	cost time.Duration
}

// ways decides how shards come to what units share.
func (g *graph) ways(waves bool) ([]way, error) {
	out := make([]way, len(g.shared))
	for n, v := range g.shared {
		build := g.times.Vertex(v)
		w := way{how: HowBuild, from: g.writtenIn(v), cost: build}
		var c *config.Cache
		if w.from.build != nil {
			c = w.from.build.Target.Cache
		}
		read := Reading(build)
		switch {
		case !v.Runs():
		case waves && v.Kind == planner.Stage:
			if c == nil || !c.Write {
				name := v.Targets[0]
				return nil, &NoLaneError{Stage: v.Name, Target: name, ReadOnly: c != nil}
			}
			w.how, w.cost = HowWave, min(build, read)
		case c != nil && read < build:
			w.how, w.cost = HowLane, read
		}
		out[n] = w
	}
	return out, nil
}

// writtenIn finds a target, and a platform of it, in whose Dockerfile a stage is
// written: preferably one that has the stage itself, and not one that links to it. It
// has no build if there is none.
func (g *graph) writtenIn(v *planner.Vertex) cell {
	var found cell
	for _, b := range g.plan.Builds {
		if b.Dockerfile == nil || b.Dockerfile != v.Dockerfile {
			continue
		}
		for at, s := range b.Stages {
			if slices.Contains(within(b, s), v) {
				return cell{build: b, at: at}
			}
			if found.build == nil && slices.Contains(reach(s), v) {
				found = cell{build: b, at: at}
			}
		}
	}
	return found
}

// packed packs the units into shards.
func (g *graph) packed(ways []way, opt Options) *packing {
	items, costs := g.items(), g.costs(ways)
	if opt.Count > 0 {
		return pack(items, costs, opt.Count)
	}
	most := max(1, min(opt.Most, len(items)))
	bound := (&packer{items: items, cost: costs, n: most}).lowerBound()
	goal := max(goodLength, bound+bound/10)
	best := pack(items, costs, most)
	// The fewest shards that are good enough.
	for low, high := 1, most-1; low <= high; {
		n := (low + high) / 2
		if got := pack(items, costs, n); got.makespan() <= max(goal, best.makespan()) {
			best, high = got, n-1
		} else {
			low = n + 1
		}
	}
	return best
}

// fill writes a packing into the file.
func (g *graph) fill(f *File, p *packing, ways []way, opt Options) {
	loads := p.loads
	shards := make([]Shard, len(loads))
	needs := make([][]int, len(g.shared))
	members := make([][]cell, len(loads))
	for i, u := range g.units {
		members[p.bin[i]] = append(members[p.bin[i]], u.cells...)
	}
	order := make([]int, len(loads))
	for bin := range shards {
		order[bin] = bin
		shards[bin] = Shard{Seconds: seconds(loads[bin]), Parts: partsOf(members[bin], opt.BuildPlatform)}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(shards[a].empty(), shards[b].empty()), cmp.Compare(loads[b], loads[a]))
	})
	number := make([]int, len(order))
	for at, bin := range order {
		number[bin] = at + 1
		shards[bin].Index = at + 1
		f.Shards = append(f.Shards, shards[bin])
	}
	for i, u := range g.units {
		for _, n := range u.shared {
			if at := number[p.bin[i]]; !slices.Contains(needs[n], at) {
				needs[n] = append(needs[n], at)
			}
		}
	}
	for n := range needs {
		slices.Sort(needs[n])
	}
	g.addShared(f, needs, ways)
	f.Estimate = g.estimate(ways, slices.Max(loads))
	f.Estimate.Bound = seconds(g.bound(ways, len(loads)))
	if f.Wave != nil {
		f.Estimate.Longest += f.Wave.Seconds
	}
}

func (g *graph) items() []item {
	items := make([]item, len(g.units))
	for i, u := range g.units {
		items[i] = item{u.own, u.shared}
	}
	return items
}

// costs are the times of what units share.
func (g *graph) costs(ways []way) []cost {
	out := make([]cost, len(ways))
	for n, w := range ways {
		out[n] = cost{alone: g.times.Vertex(g.shared[n]), each: w.cost}
	}
	return out
}

// bound is a time that every division takes at least. What is put into the lane by the job
// before the shards is built there.
func (g *graph) bound(ways []way, shards int) time.Duration {
	costs := g.costs(ways)
	for n := range costs {
		if ways[n].how == HowWave {
			costs[n].each = costs[n].alone
		}
	}
	return (&packer{items: g.items(), cost: costs, n: shards}).lowerBound()
}

// addShared lists what several shards need, and what is built before them.
func (g *graph) addShared(f *File, needs [][]int, ways []way) {
	var wave []int
	for n, v := range g.shared {
		if len(needs[n]) < 2 || !v.Runs() {
			continue
		}
		build := g.times.Vertex(v)
		s := Shared{
			Stage: v.Name, Platform: v.Platform, Target: v.Targets[0], Shards: needs[n], How: ways[n].how,
			Build: seconds(build), Read: seconds(Reading(build)),
		}
		if b := ways[n].from.build; b != nil {
			s.Target = b.Name()
		}
		f.Shared = append(f.Shared, s)
		if ways[n].how == HowWave {
			wave = append(wave, n)
		}
	}
	if len(wave) > 0 {
		f.Wave = g.wave(wave, ways)
	}
}

// estimate says how long the shards take.
func (g *graph) estimate(ways []way, longest time.Duration) Estimate {
	e := Estimate{Longest: seconds(longest)}
	var all time.Duration
	for _, u := range g.units {
		all += u.own
	}
	for n := range ways {
		all += g.times.Vertex(g.shared[n])
	}
	e.Unsharded = seconds(all)
	for _, v := range g.plan.Graph.Vertices {
		if v.Runs() {
			e.Stages++
			if g.times.Recorded != nil && g.times.Recorded(v) {
				e.Recorded++
			}
		}
	}
	return e
}

// seconds rounds to milliseconds, so that files are equal.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// empty is 1 for a shard that has nothing to do, and 0 for others.
func (s Shard) empty() int {
	if len(s.Parts) == 0 {
		return 1
	}
	return 0
}
