package place

import (
	"cmp"
	"slices"
)

// chunk are the units of one group on one builder.
type chunk struct {
	from  int
	key   uint64
	units []int
}

// join gives a builder its share of what those before it have.
func (p *Placement) join(k int) {
	for u := range p.At {
		if p.At[u] < 0 && p.fits(k, u) {
			p.put(k, u)
		}
	}
	if k == 0 {
		return
	}
	last := k
	k = p.trade(k)
	chunks, donors := p.chunks(k, last)
	if len(chunks) == 0 {
		return
	}
	slices.SortFunc(chunks, func(a, b *chunk) int {
		return cmp.Or(cmp.Compare(p.score(k, b.key), p.score(k, a.key)), cmp.Compare(a.from, b.from), cmp.Compare(a.key, b.key))
	})
	most := p.mostUnits(k, donors)
	level := p.average(donors)
	most -= p.relieve(k, chunks, level, most)
	for _, c := range chunks {
		if len(c.units) > 0 && len(c.units) <= most && p.takesWhole(k, c, level) {
			p.move(k, c.units)
			most -= len(c.units)
			c.units = nil
		}
	}
	if p.relative(k)*Slack < level {
		p.splitFor(k, chunks, donors, most)
	}
}

// relieve has a builder take first what others have too much of, and returns how
// many units these are.
func (p *Placement) relieve(k int, chunks []*chunk, level float64, most int) int {
	taken := 0
	for {
		var worst *chunk
		for _, c := range chunks {
			if len(c.units) > 0 && p.relative(c.from) > tooMuch*level && (worst == nil || p.relative(c.from) > p.relative(worst.from)) {
				worst = c
			}
		}
		if worst == nil || taken >= most || p.relative(k)*even >= level {
			return taken
		}
		if len(worst.units) <= most-taken && p.takesWhole(k, worst, level) {
			p.move(k, worst.units)
			taken += len(worst.units)
			worst.units = nil
			continue
		}
		n := p.takePart(k, worst.units, 1, level, most-taken)
		taken += n
		worst.units = slices.DeleteFunc(worst.units, func(u int) bool { return p.At[u] == k })
		if n == 0 {
			return taken
		}
	}
}

// trade moves the only group of another builder to builder k, which has nothing yet, if
// the group scores higher for k. With fewer groups than builders, each group is then
// where it would be if there were many. It returns the builder that has nothing after
// that, which takes its share as any other does.
func (p *Placement) trade(k int) (empty int) {
	if p.counts[k] > 0 {
		return k
	}
	if p.groups() > k {
		return k
	}
	best, gain := k, 0.0
	for b := range k {
		key, lone := p.lone(b, k)
		if !lone || p.counts[b] > small {
			continue
		}
		if more := p.score(k, key) - p.score(b, key); more > gain {
			best, gain = b, more
		}
	}
	if best != k {
		var units []int
		for u, at := range p.At {
			if at == best {
				units = append(units, u)
			}
		}
		p.move(k, units)
	}
	return best
}

// groups is how many groups there are.
func (p *Placement) groups() int {
	groups := map[uint64]bool{}
	for _, key := range p.keys {
		groups[key] = true
	}
	return len(groups)
}

// small is the largest number of units that a group may have to be moved by trade.
const small = 12

// lone says whether a builder has exactly one group, which is not split, and whether
// the other builder can take it.
func (p *Placement) lone(b, other int) (key uint64, lone bool) {
	if p.counts[b] == 0 || p.Builders[b].weight() != p.Builders[other].weight() {
		return 0, false
	}
	for u, at := range p.At {
		if at != b {
			continue
		}
		if lone && p.keys[u] != key || !p.fits(other, u) || p.Split(u) {
			return 0, false
		}
		key, lone = p.keys[u], true
	}
	return key, lone
}

// chunks are what a builder can take from those up to the last, and the builders
// that it takes from, with itself.
func (p *Placement) chunks(k, last int) (out []*chunk, donors []int) {
	type key struct {
		from  int
		group uint64
	}
	known := map[key]*chunk{}
	from := make([]bool, last+1)
	for u, b := range p.At {
		if b < 0 || b > last || b == k || !p.fits(k, u) {
			continue
		}
		id := key{b, p.keys[u]}
		if known[id] == nil {
			known[id] = &chunk{from: b, key: p.keys[u]}
			out = append(out, known[id])
		}
		known[id].units = append(known[id].units, u)
		from[b] = true
	}
	for b, yes := range from {
		if yes {
			donors = append(donors, b)
		}
	}
	return out, append(donors, k)
}

// average is the load by weight if it were even.
func (p *Placement) average(builders []int) float64 {
	load, weight := 0.0, 0.0
	for _, b := range builders {
		load += p.loads[b]
		weight += p.Builders[b].weight()
	}
	return load / weight
}

// mostUnits is how many units a builder takes at most: no more than its share.
func (p *Placement) mostUnits(k int, builders []int) int {
	count, weight := 0, 0.0
	for _, b := range builders {
		count += p.counts[b]
		weight += p.Builders[b].weight()
	}
	return max(1, int(float64(count)*p.Builders[k].weight()/weight)) - p.counts[k]
}

// takesWhole says whether a builder takes all of a chunk.
func (p *Placement) takesWhole(k int, c *chunk, level float64) bool {
	leaves, comes := p.weigh(k, c.units)
	if p.loads[k]+mostlyWithin*comes > level*p.Builders[k].weight() {
		return false
	}
	share := level * p.Builders[c.from].weight()
	return p.loads[c.from]-leaves >= keepWhole*share || p.loads[c.from]-(1-mayFallShort)*leaves >= share
}

// weigh is what units that are on one builder take off there, and what they add
// to another.
func (p *Placement) weigh(k int, units []int) (leaves, comes float64) {
	gone, new := map[int]int{}, map[int]bool{}
	from := p.At[units[0]]
	for _, u := range units {
		own := p.work.Units[u].Own.Seconds()
		leaves += own
		comes += own
		for _, s := range p.work.Units[u].Shared {
			if gone[s]++; gone[s] == p.users[from][s] {
				leaves += p.work.Shared[s].Took.Seconds()
			}
			if p.users[k][s] == 0 && !new[s] {
				new[s] = true
				comes += p.work.Shared[s].Took.Seconds()
			}
		}
	}
	return leaves, comes
}

// splitFor has a builder take parts of groups, until it has its share: of those
// that it has already first, as they need no base, and then of those that score
// highest for it. Which builder has how much more than another does not matter,
// as long as it has more than its share: it changes with each run.
func (p *Placement) splitFor(k int, chunks []*chunk, donors []int, most int) {
	mine := map[uint64]bool{}
	for u, b := range p.At {
		if b == k {
			mine[p.keys[u]] = true
		}
	}
	parts := map[uint64][]int{}
	var keys []uint64
	for _, c := range chunks {
		if len(c.units) == 0 {
			continue
		}
		if parts[c.key] == nil {
			keys = append(keys, c.key)
		}
		parts[c.key] = append(parts[c.key], c.units...)
	}
	slices.SortStableFunc(keys, func(a, b uint64) int {
		switch {
		case mine[a] && !mine[b]:
			return -1
		case mine[b] && !mine[a]:
			return 1
		}
		return cmp.Compare(p.score(k, b), p.score(k, a))
	})
	for _, floor := range []float64{keep, 1} {
		for _, key := range keys {
			level := p.average(donors)
			if most <= 0 || p.relative(k)*even >= level {
				return
			}
			if floor == 1 || p.heavy(parts[key], level) {
				most -= p.takePart(k, parts[key], floor, level, most)
			}
		}
	}
}

// keep is how much of its share a builder keeps at least where another takes a
// part of a group, so that this takes from one group and needs one base.
const keep = 0.85

// keepWhole is how much it keeps where a whole group goes.
const keepWhole = 0.9

// tooMuch is what a builder is relieved of first.
const tooMuch = 1.2

// even is how far loads may be apart and count as even.
const even = 1.04

// heavy says whether the builders of some units have more than their share,
// taken together.
func (p *Placement) heavy(units []int, level float64) bool {
	seen, load, weight := map[int]bool{}, 0.0, 0.0
	for _, u := range units {
		if b := p.At[u]; !seen[b] {
			seen[b] = true
			load += p.loads[b]
			weight += p.Builders[b].weight()
		}
	}
	return load >= level*weight
}

// takePart moves units of a group as long as that makes loads more even, and
// returns how many. Those that have more in common go together.
func (p *Placement) takePart(k int, units []int, floor, level float64, most int) int {
	p.byScore(k, units)
	wk := p.Builders[k].weight()
	taken := 0
	for _, u := range units {
		from := p.At[u]
		if from == k || p.relative(from) <= floor*level {
			continue
		}
		after := (p.loads[k] + p.added(k, u)) / wk
		if taken == most || after > level*even && p.counts[k] > 0 {
			break
		}
		if after >= p.relative(from) {
			continue
		}
		p.move(k, []int{u})
		taken++
	}
	return taken
}

// byScore orders units by how well they fit a builder, those together that have
// more in common than their base.
func (p *Placement) byScore(k int, units []int) {
	type scored struct {
		unit              int
		within, unitScore float64
	}
	all := make([]scored, len(units))
	for i, u := range units {
		all[i] = scored{u, p.score(k, p.within[u]), p.score(k, p.single[u])}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.within, a.within), cmp.Compare(b.unitScore, a.unitScore), cmp.Compare(a.unit, b.unit))
	})
	for i := range all {
		units[i] = all[i].unit
	}
}
