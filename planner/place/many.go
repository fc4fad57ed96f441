package place

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// many is from how many builders on work is placed by pieces. One builder is of little
// account there, and what counts is that a target meets the builder again that has its
// layers, though some times have changed and some targets are new.
const many = 12

const (
	// The time that a builder may take is one of a fixed row, each so much longer than
	// the one before: it is the same again where the work has hardly changed.
	step = 1.07
	// mostSteps is how much of the row is tried.
	mostSteps = 40
	// fill is how full the pieces of a group are on average, so that most units are in
	// the piece that they score highest for.
	fill = 0.97
	// enough is how long a builder may take, in comparison with what no placement is
	// shorter than, for the sake of pieces that are where they score highest.
	enough = 1.28
)

// room is how much more a builder may take than it has to, from the most on.
var room = [...]float64{1.1, 1.06, 1.03, 1}

// piece is what is kept together: a group, or a part of one that is too large.
type piece struct {
	key   uint64
	units []int
	load  float64
}

// pool are builders that have nothing to do with others, as no unit has a choice
// between them, and the groups that are built there.
type pool struct {
	builders []int
	groups   []piece
}

// spread places the work by pieces, in the shortest time of the row in which those of
// a pool fit.
func (p *Placement) spread() {
	for _, in := range p.pools(p.byGroup()) {
		bound := p.bound(in)
		limit := math.Pow(step, math.Ceil(math.Log(max(bound, 1e-3))/math.Log(step)))
		for range mostSteps {
			if p.pack(in, limit, limit) {
				break
			}
			limit *= step
		}
		for _, more := range room {
			if p.pack(in, limit, max(min(more*limit, enough*bound), limit)) {
				break
			}
		}
	}
	p.rest()
}

// pools parts builders and groups. A group that no builder can have is in none.
func (p *Placement) pools(groups []piece) []pool {
	of := make([]int, len(p.Builders)) // the first builder of its pool
	for b := range of {
		of[b] = b
	}
	first := make([]int, len(groups))
	for i, g := range groups {
		first[i] = -1
		for b := range p.Builders {
			switch {
			case !p.fits(b, g.units[0]):
			case first[i] < 0:
				first[i] = b
			default:
				one, other := of[first[i]], of[b]
				for k := range of {
					if of[k] == other {
						of[k] = one
					}
				}
			}
		}
	}
	out := make([]pool, len(p.Builders))
	for b, to := range of {
		out[to].builders = append(out[to].builders, b)
	}
	for i, g := range groups {
		if first[i] >= 0 {
			in := &out[of[first[i]]]
			in.groups = append(in.groups, g)
		}
	}
	return slices.DeleteFunc(out, func(in pool) bool { return len(in.groups) == 0 })
}

// byGroup are the groups, in an order that does not depend on times. Units for
// different platforms are not in one.
func (p *Placement) byGroup() []piece {
	groups := map[uint64]*piece{}
	for u := range p.At {
		id := p.keys[u] ^ hash(fmt.Sprint(p.work.Units[u].Platforms))
		if groups[id] == nil {
			groups[id] = &piece{key: p.keys[u]}
		}
		groups[id].units = append(groups[id].units, u)
	}
	var out []piece
	for _, g := range groups {
		g.load = p.load(g.units)
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.units[0], b.units[0]))
	})
	return out
}

// load is what units take on a builder that has nothing.
func (p *Placement) load(units []int) float64 {
	sum, seen := 0.0, map[int]bool{}
	for _, u := range units {
		sum += p.work.Units[u].Own.Seconds()
		for _, s := range p.work.Units[u].Shared {
			if !seen[s] {
				seen[s] = true
				sum += p.work.Shared[s].Took.Seconds()
			}
		}
	}
	return sum
}

// base is what the base of a piece takes.
func (p *Placement) base(c piece) float64 {
	if s := p.Base[c.units[0]]; s >= 0 {
		return p.work.Shared[s].Took.Seconds()
	}
	return 0
}

// bound is what no placement is shorter than: a builder that has any unit of a group
// has its base too.
func (p *Placement) bound(in pool) float64 {
	size, low, high := 0.0, 0.0, 0.0
	for _, b := range in.builders {
		size += p.Builders[b].weight()
	}
	for _, g := range in.groups {
		high += g.load
	}
	for range 40 {
		t, need := (low+high)/2, 0.0
		for _, g := range in.groups {
			base := p.base(g)
			need += max(g.load/t, (g.load-base)/max(t-base, 1e-9))
		}
		if need <= size {
			high = t
		} else {
			low = t
		}
	}
	return high
}

// pieces parts the groups that take longer than limit, and has the large ones come
// first. Those of about one size come in an order that does not depend on times.
func (p *Placement) pieces(groups []piece, limit float64) []piece {
	var out []piece
	for _, g := range groups {
		if g.load <= limit {
			out = append(out, g)
			continue
		}
		most := max(limit-p.base(g), 0.05*limit)
		out = append(out, p.part(g, int(math.Ceil((g.load-p.base(g))/(fill*most))), most)...)
	}
	slices.SortFunc(out, func(a, b piece) int {
		return cmp.Or(cmp.Compare(class(b.load), class(a.load)), cmp.Compare(a.key, b.key))
	})
	return out
}

// class is the order of a size.
func class(load float64) int { return int(math.Round(2 * math.Log2(max(load, 1e-3)))) }

// part makes up to n pieces of a group, with no more than most in each beside the base
// as long as there is room in any. Each unit is in the piece that it scores highest for.
func (p *Placement) part(g piece, n int, most float64) []piece {
	n = min(n, len(g.units))
	out, own := make([]piece, n), make([]float64, n)
	for i := range out {
		out[i].key = mix(g.key + uint64(i+1)*0x9e3779b97f4a7c15)
	}
	units := slices.Clone(g.units)
	slices.SortFunc(units, func(a, b int) int {
		x, y := p.work.Units[a].Own.Seconds(), p.work.Units[b].Own.Seconds()
		return cmp.Or(cmp.Compare(class(y), class(x)), cmp.Compare(p.single[a], p.single[b]))
	})
	for _, u := range units {
		took := p.work.Units[u].Own.Seconds()
		best, least := -1, 0
		for i := range out {
			if own[i] < own[least] {
				least = i
			}
			if own[i]+took <= most && (best < 0 || mix(out[i].key^p.single[u]) > mix(out[best].key^p.single[u])) {
				best = i
			}
		}
		if best < 0 {
			best = least
		}
		out[best].units = append(out[best].units, u)
		own[best] += took
	}
	out = slices.DeleteFunc(out, func(c piece) bool { return len(c.units) == 0 })
	for i := range out {
		out[i].load = p.load(out[i].units)
	}
	return out
}

// pack places a pool anew, in pieces that fit into one time and so that no builder
// takes longer than another, and reports whether all have a place. What no builder has
// room for is parted.
func (p *Placement) pack(in pool, size, limit float64) bool {
	p.clear(in)
	var left []piece
	for _, c := range p.pieces(in.groups, size) {
		if !p.putPiece(c, limit) {
			left = append(left, c)
		}
	}
	for ; len(left) > 0; left = left[1:] {
		c := left[0]
		halves := p.part(c, 2, 0.55*(c.load-p.base(c)))
		if len(halves) < 2 {
			return false
		}
		for _, half := range halves {
			if !p.putPiece(half, limit) {
				left = append(left, half)
			}
		}
	}
	return true
}

// putPiece gives a piece to the builder that it scores highest for, of those that have
// room.
func (p *Placement) putPiece(c piece, limit float64) bool {
	best, top := -1, 0.0
	for b := range p.Builders {
		if !p.fits(b, c.units[0]) || p.loads[b]+c.load > limit*p.Builders[b].weight() {
			continue
		}
		if s := p.score(b, c.key); best < 0 || s > top {
			best, top = b, s
		}
	}
	if best < 0 {
		return false
	}
	for _, u := range c.units {
		p.put(best, u)
	}
	return true
}

// clear takes the units of a pool away.
func (p *Placement) clear(in pool) {
	for _, g := range in.groups {
		for _, u := range g.units {
			if p.At[u] >= 0 {
				p.take(u)
			}
		}
	}
	for _, b := range in.builders {
		p.loads[b] = 0 // and not what is left of adding and taking
	}
}

// rest places the units that have no place where they are done first. For one whose
// platforms no builder has there is none.
func (p *Placement) rest() {
	everywhere := func(int) bool { return true }
	for u, at := range p.At {
		if at >= 0 {
			continue
		}
		if b := p.nextOf(u, everywhere); b >= 0 {
			p.put(b, u)
		}
	}
}
