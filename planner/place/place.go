// Package place decides which of several builders builds what. It is a pure
// function of the work, of the expected times and of the builders, so that runs
// which do not talk to each other come to the same answer.
//
// What is placed is a unit: targets, for some of their platforms, that have to be
// built together. Units whose most expensive shared stage is the same form a
// group, and a group is kept together as long as one builder can carry it: its
// base is then run once. Where groups are too large for that, they are split below
// their base.
//
// A few builders are taken in their order, and each takes from those before it as
// much as is its share, the groups first that score highest for it in a weighted
// rendezvous. A builder that is added at the end moves only what it takes. Among
// many builders, groups and their parts each go to the builder that they score
// highest for and that has room, so that little moves when times change.
//
// The package does not know BuildKit, how builders are reached, or whether they
// live, and it reads no clock and no files.
package place

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// Builder is one that units are placed on.
type Builder struct {
	Name string
	// Platforms are those that it has without emulation.
	Platforms []string
	// Weight is its size in comparison with others; 0 is 1.
	Weight float64
}

func (b *Builder) weight() float64 {
	if b.Weight <= 0 {
		return 1
	}
	return b.Weight
}

// has says whether the builder has all of some platforms.
func (b *Builder) has(platforms []string) bool {
	return !slices.ContainsFunc(platforms, func(p string) bool { return !slices.Contains(b.Platforms, p) })
}

// Unit is what is built on one builder.
type Unit struct {
	// Name tells it from the others, and does not change from run to run.
	Name string
	// Platforms are those that its builder needs.
	Platforms []string
	// Own is the time of what no other unit needs, and Shared are the numbers of
	// what others need too.
	Own    time.Duration
	Shared []int
}

// Shared is a stage that several units need.
type Shared struct {
	// Key is what is known of it that does not change with each commit.
	Key string
	// Took is how long it takes where it is built, and Again what it takes on
	// each further builder; 0 is Took.
	Took, Again time.Duration
}

// Work is what is placed.
type Work struct {
	Units  []Unit
	Shared []Shared
}

// Placement says which builder has which unit.
type Placement struct {
	Builders []Builder
	// At is the builder of each unit; -1 if none has its platforms.
	At []int
	// Base is the most expensive shared stage of each unit; -1 if it has none.
	Base []int

	work   Work // with times as they are compared
	given  Work
	keys   []uint64 // of the units' groups
	within []uint64 // of what the units of a group have in common besides
	single []uint64 // of the units themselves
	names  []uint64 // of the builders
	loads  []float64
	counts []int
	users  [][]int // by builder and shared stage, how many units need it there
	copies []int   // of shared stages, on how many builders
}

// Slack is how much more than its share a builder may get.
const Slack = 1.25

// A group goes to a builder as a whole if so much of it is within the builder's
// share, and leaves one that keeps all of its own share but so much of the group.
const (
	mostlyWithin = 0.72
	mayFallShort = 0.53
)

// Place places units on builders. The order of the builders is part of the
// question: a new one belongs at the end.
func Place(work Work, builders []Builder) *Placement {
	p := newPlacement(work, builders)
	if len(builders) >= many {
		p.spread()
		return p
	}
	for k := range builders {
		p.join(k)
	}
	return p
}

// Clone is a copy that can be changed by itself.
func (p *Placement) Clone() *Placement {
	out := *p
	out.At, out.loads, out.counts, out.copies = slices.Clone(p.At), slices.Clone(p.loads), slices.Clone(p.counts), slices.Clone(p.copies)
	out.users = make([][]int, len(p.users))
	for b := range out.users {
		out.users[b] = slices.Clone(p.users[b])
	}
	return &out
}

func newPlacement(work Work, builders []Builder) *Placement {
	p := &Placement{
		Builders: builders, work: work, At: make([]int, len(work.Units)), Base: make([]int, len(work.Units)),
		keys: make([]uint64, len(work.Units)), within: make([]uint64, len(work.Units)), single: make([]uint64, len(work.Units)),
		loads: make([]float64, len(builders)), counts: make([]int, len(builders)),
		users: make([][]int, len(builders)), copies: make([]int, len(work.Shared)),
	}
	for b := range builders {
		p.names = append(p.names, hash(builders[b].Name))
		p.users[b] = make([]int, len(work.Shared))
	}
	for i, u := range work.Units {
		p.At[i], p.Base[i] = -1, -1
		p.single[i] = hash(u.Name)
		p.keys[i], p.within[i] = p.single[i], p.single[i]
		order := slices.Clone(u.Shared)
		slices.SortFunc(order, func(a, b int) int {
			x, y := &work.Shared[a], &work.Shared[b]
			return cmp.Or(cmp.Compare(y.Took, x.Took), cmp.Compare(x.Key, y.Key))
		})
		if len(order) > 0 && work.Shared[order[0]].Took > 0 {
			p.Base[i], p.keys[i] = order[0], hash(work.Shared[order[0]].Key)
		}
		if len(order) > 1 && p.Base[i] >= 0 {
			p.within[i] = hash(work.Shared[order[1]].Key)
		}
	}
	p.given, p.work = work, evened(work, p.Base, p.keys, builders)
	return p
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return mix(h.Sum64())
}

// mix spreads the bits of a number (the end of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// score says how well a key fits a builder, by its weight: the highest score of
// all builders is that of another one only if that is new or the old one gone.
func (p *Placement) score(b int, key uint64) float64 {
	u := (float64(mix(p.names[b]^mix(key))>>11) + 0.5) / (1 << 53)
	return -p.Builders[b].weight() / math.Log(u)
}

// fits says whether a builder has the platforms of a unit.
func (p *Placement) fits(b, u int) bool { return p.Builders[b].has(p.work.Units[u].Platforms) }

// shared is what a shared stage takes on one more builder.
func (p *Placement) shared(s int) float64 {
	one := &p.work.Shared[s]
	if p.copies[s] > 0 && one.Again > 0 {
		return one.Again.Seconds()
	}
	return one.Took.Seconds()
}

// added is what a unit adds to the load of a builder.
func (p *Placement) added(b, u int) float64 {
	sum := p.work.Units[u].Own.Seconds()
	for _, s := range p.work.Units[u].Shared {
		if p.users[b][s] == 0 {
			sum += p.shared(s)
		}
	}
	return sum
}

func (p *Placement) put(b, u int) {
	p.loads[b] += p.added(b, u)
	p.counts[b]++
	p.At[u] = b
	for _, s := range p.work.Units[u].Shared {
		if p.users[b][s]++; p.users[b][s] == 1 {
			p.copies[s]++
		}
	}
}

func (p *Placement) take(u int) {
	b := p.At[u]
	for _, s := range p.work.Units[u].Shared {
		if p.users[b][s]--; p.users[b][s] == 0 {
			p.copies[s]--
		}
	}
	p.loads[b] -= p.added(b, u)
	p.counts[b]--
	p.At[u] = -1
}

func (p *Placement) move(b int, units []int) {
	for _, u := range units {
		p.take(u)
		p.put(b, u)
	}
}

// relative is the load of a builder by its weight.
func (p *Placement) relative(b int) float64 { return p.loads[b] / p.Builders[b].weight() }

// Loads are what the builders are expected to take.
func (p *Placement) Loads() []time.Duration {
	out := make([]time.Duration, len(p.Builders))
	for u, b := range p.At {
		if b >= 0 {
			out[b] += p.given.Units[u].Own
		}
	}
	for b := range out {
		for s, n := range p.users[b] {
			if n > 0 {
				out[b] += p.given.Shared[s].Took
			}
		}
	}
	return out
}

// Split says whether units of the same base are on several builders.
func (p *Placement) Split(u int) bool {
	return p.Base[u] >= 0 && p.copies[p.Base[u]] > 1
}
