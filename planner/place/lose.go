package place

import (
	"cmp"
	"slices"
)

// Next moves units away from builders that are lost, each group to the next
// builder in its order, and returns them. No other unit moves. alive says which
// builders are left; a unit for which there is none stays where it is, and is
// returned in stuck.
func (p *Placement) Next(units []int, alive func(builder int) bool) (moved, stuck []int) {
	groups := map[uint64][]int{}
	var keys []uint64
	for _, u := range units {
		if groups[p.keys[u]] == nil {
			keys = append(keys, p.keys[u])
		}
		groups[p.keys[u]] = append(groups[p.keys[u]], u)
	}
	slices.Sort(keys)
	for _, key := range keys {
		group := groups[key]
		if to := p.room(key, group, alive); to >= 0 {
			p.move(to, group)
			moved = append(moved, group...)
			continue
		}
		for _, u := range group {
			if to := p.nextOf(u, alive); to >= 0 {
				p.move(to, []int{u})
				moved = append(moved, u)
			} else {
				stuck = append(stuck, u)
			}
		}
	}
	slices.Sort(moved)
	return moved, stuck
}

// Order are the builders in the order of a unit's rendezvous.
func (p *Placement) Order(u int) []int { return p.order(p.keys[u]) }

func (p *Placement) order(key uint64) []int {
	out := make([]int, len(p.Builders))
	for b := range out {
		out[b] = b
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(p.score(b, key), p.score(a, key)) })
	return out
}

// room is the next builder of a key that can take all of some units; -1 if none
// can.
func (p *Placement) room(key uint64, units []int, alive func(int) bool) int {
	left, weight := 0.0, 0.0
	for b := range p.Builders {
		left += p.loads[b]
		if alive(b) {
			weight += p.Builders[b].weight()
		}
	}
	for _, b := range p.order(key) {
		if !alive(b) || slices.ContainsFunc(units, func(u int) bool { return !p.fits(b, u) }) {
			continue
		}
		_, comes := p.weigh(b, units)
		if p.loads[b]+comes <= Slack*left/weight*p.Builders[b].weight() {
			return b
		}
	}
	return -1
}

// nextOf is the builder that has the least to do after it has taken a unit; -1 if
// none can.
func (p *Placement) nextOf(u int, alive func(int) bool) int {
	best, least := -1, 0.0
	for _, b := range p.order(p.keys[u]) {
		if !alive(b) || !p.fits(b, u) || b == p.At[u] {
			continue
		}
		after := (p.loads[b] + p.added(b, u)) / p.Builders[b].weight()
		if best < 0 || after < least {
			best, least = b, after
		}
	}
	return best
}
