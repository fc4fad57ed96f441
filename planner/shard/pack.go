package shard

import (
	"cmp"
	"slices"
	"time"
)

// item is a unit as it is packed: the time that is its own, and the numbers of
// what it shares with others.
type item struct {
	own    time.Duration
	shared []int
}

// cost is what a shared thing takes: in the one shard that has all items which share
// it, or in each of several.
type cost struct{ alone, each time.Duration }

// least is what it takes in a shard of n at least.
func (c cost) least(n int) time.Duration {
	if n == 1 {
		return c.alone
	}
	return min(c.alone, c.each)
}

// packing says in which shard each item is, and how long each shard takes.
type packing struct {
	bin   []int
	loads []time.Duration
}

// makespan is how long the longest shard takes.
func (p *packing) makespan() time.Duration { return slices.Max(p.loads) }

// rounds bounds the search for the smallest capacity.
const rounds = 24

// even is how much longer the most even packing may be than the shortest.
const even = 1.02

// pack puts items into n shards so that the longest is short. costs are the costs of
// what they share.
//
// It looks for the smallest capacity into which the items go when each is put
// where it costs least: that keeps together what shares much. Where that gains
// nothing, the longest item goes to the emptiest shard.
func pack(items []item, costs []cost, n int) *packing {
	p := packer{items: items, cost: costs, n: n}
	best := p.spread(p.bySize())
	spread := best
	low, high := p.lowerBound(), best.makespan()
	for range rounds {
		if low >= high {
			break
		}
		capacity := low + (high-low)/2
		found := false
		for _, order := range [][]int{p.bySize(), p.byShare()} {
			if got := p.fill(order, capacity); got != nil {
				best, found = got, true
				break
			}
		}
		if found {
			high = best.makespan()
		} else {
			low = capacity + 1
		}
	}
	if float64(spread.makespan()) <= even*float64(best.makespan()) {
		return spread
	}
	return best
}

// packer has what is packed.
type packer struct {
	items []item
	cost  []cost
	n     int
}

func (p *packer) whole(i int) time.Duration {
	sum := p.items[i].own
	for _, s := range p.items[i].shared {
		sum += p.cost[s].least(p.n)
	}
	return sum
}

// lowerBound is what no packing is shorter than: the longest item, and an n-th
// of all work when each shared thing is made once.
func (p *packer) lowerBound() time.Duration {
	var longest, all time.Duration
	seen := make([]bool, len(p.cost))
	for i, it := range p.items {
		longest = max(longest, p.whole(i))
		all += it.own
		for _, s := range it.shared {
			if !seen[s] {
				seen[s] = true
				all += p.cost[s].least(p.n)
			}
		}
	}
	return max(longest, all/time.Duration(p.n))
}

// bySize orders items by the time that they take, the longest first.
func (p *packer) bySize() []int {
	order := p.inOrder()
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.whole(b), p.whole(a)) })
	return order
}

// byShare puts those items beside each other that share their most expensive
// thing.
func (p *packer) byShare() []int {
	most := make([]int, len(p.items))
	weight := map[int]time.Duration{}
	for i, it := range p.items {
		most[i] = -1
		for _, s := range it.shared {
			if most[i] < 0 || p.cost[s].alone > p.cost[most[i]].alone {
				most[i] = s
			}
		}
		weight[most[i]] += it.own
	}
	order := p.inOrder()
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(weight[most[b]], weight[most[a]]), cmp.Compare(most[a], most[b]), cmp.Compare(p.whole(b), p.whole(a)))
	})
	return order
}

func (p *packer) inOrder() []int {
	order := make([]int, len(p.items))
	for i := range order {
		order[i] = i
	}
	return order
}

// bins are shards while they are filled.
type bins struct {
	*packer
	packing
	has   [][]bool
	first []int // the shard that a shared thing came to first; -1 is none
	many  []bool
}

func (p *packer) empty() *bins {
	b := &bins{
		packer: p, packing: packing{bin: make([]int, len(p.items)), loads: make([]time.Duration, p.n)}, has: make([][]bool, p.n),
		first: make([]int, len(p.cost)), many: make([]bool, len(p.cost)),
	}
	for i := range b.has {
		b.has[i] = make([]bool, len(p.cost))
	}
	for s := range b.first {
		b.first[s] = -1
	}
	return b
}

// added is what an item adds to a shard.
func (b *bins) added(bin, i int) time.Duration {
	sum := b.items[i].own
	for _, s := range b.items[i].shared {
		switch {
		case b.has[bin][s]:
		case b.first[s] < 0:
			sum += b.cost[s].alone
		default:
			sum += b.cost[s].each
		}
	}
	return sum
}

// put puts an item into a shard. Where another one was alone with what it shares, that
// one has it as each of several from now on.
func (b *bins) put(bin, i int) {
	b.loads[bin] += b.added(bin, i)
	for _, s := range b.items[i].shared {
		if b.has[bin][s] {
			continue
		}
		b.has[bin][s] = true
		switch {
		case b.first[s] < 0:
			b.first[s] = bin
		case !b.many[s]:
			b.many[s] = true
			b.loads[b.first[s]] += b.cost[s].each - b.cost[s].alone
		}
	}
	b.bin[i] = bin
}

// spread puts each item where the load is the least afterwards.
func (p *packer) spread(order []int) *packing {
	b := p.empty()
	for _, i := range order {
		best, load := 0, b.loads[0]+b.added(0, i)
		for bin := 1; bin < p.n; bin++ {
			if l := b.loads[bin] + b.added(bin, i); l < load {
				best, load = bin, l
			}
		}
		b.put(best, i)
	}
	return &b.packing
}

// fill puts each item where it adds the least, of the shards that have room for
// it, and there into the fullest. It is nil if an item has no room.
func (p *packer) fill(order []int, capacity time.Duration) *packing {
	b := p.empty()
	for _, i := range order {
		best := -1
		var least time.Duration
		for bin := range p.n {
			added := b.added(bin, i)
			if b.loads[bin]+added > capacity {
				continue
			}
			if best < 0 || added < least || added == least && b.loads[bin] > b.loads[best] {
				best, least = bin, added
			}
		}
		if best < 0 {
			return nil
		}
		b.put(best, i)
	}
	return &b.packing
}
