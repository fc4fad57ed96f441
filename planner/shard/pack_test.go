package shard

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// randomItems are units of a monorepo: most are short, a few are long, and many
// share one of some bases.
func randomItems(r *rand.Rand, n, bases int, share float64) ([]item, []time.Duration) {
	cost := make([]time.Duration, bases)
	for i := range cost {
		cost[i] = time.Duration(1+r.IntN(60)) * time.Second
	}
	items := make([]item, n)
	for i := range items {
		items[i].own = time.Duration(r.ExpFloat64() * float64(30*time.Second))
		if bases > 0 && r.Float64() < share {
			items[i].shared = []int{r.IntN(bases)}
		}
	}
	return items, cost
}

// A shard takes what its items take, with each shared thing once.
func TestPackLoads(t *testing.T) {
	for seed := range uint64(need.Rounds(200)) {
		r := rand.New(rand.NewPCG(seed, 1))
		items, cost := randomItems(r, 1+r.IntN(60), r.IntN(6), 0.7)
		n := 1 + r.IntN(12)
		p := pack(items, cost, n)
		want := make([]time.Duration, n)
		has := map[[2]int]bool{}
		for i, bin := range p.bin {
			if bin < 0 || bin >= n {
				t.Fatalf("seed %d: item %d is in shard %d of %d", seed, i, bin, n)
			}
			want[bin] += items[i].own
			for _, s := range items[i].shared {
				if !has[[2]int{bin, s}] {
					has[[2]int{bin, s}] = true
					want[bin] += cost[s]
				}
			}
		}
		if !slices.Equal(p.loads, want) {
			t.Errorf("seed %d: loads %v, want %v", seed, p.loads, want)
		}
		if again := pack(items, cost, n); !reflect.DeepEqual(p, again) {
			t.Errorf("seed %d: packed in another way the second time", seed)
		}
	}
}

// With 1,000 targets the longest shard is at most 1.3 of what no division is
// shorter than.
func TestMakespan(t *testing.T) {
	for _, n := range []int{2, 3, 7, 16, 40, 64} {
		for seed := range uint64(need.Rounds(8)) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			items, cost := randomItems(r, 1000, 12, 0.5)
			p := packer{items: items, cost: cost, n: n}
			bound := p.lowerBound()
			got := pack(items, cost, n).makespan()
			if ratio := float64(got) / float64(bound); ratio > 1.3 {
				t.Errorf("%d shards, seed %d: %s is %.2f of %s", n, seed, got, ratio, bound)
			}
		}
	}
}

// What shares much is kept together, even where single items would be spread.
func TestKeepsTogether(t *testing.T) {
	var items []item
	cost := make([]time.Duration, 10)
	for b := range cost {
		cost[b] = 100 * time.Second
		for range 100 {
			items = append(items, item{time.Second, []int{b}})
		}
	}
	if got := pack(items, cost, 10).makespan(); got > 220*time.Second {
		t.Errorf("the longest of 10 shards takes %s, and could take 200s", got)
	}
}

// One base of all items is built in each shard, and the rest is divided.
func TestOneBase(t *testing.T) {
	var items []item
	for i := range 1000 {
		items = append(items, item{time.Duration(1+i%3) * time.Second, []int{0}})
	}
	got := pack(items, []time.Duration{100 * time.Second}, 10).makespan()
	if want := 300 * time.Second; got > want {
		t.Errorf("the longest of 10 shards takes %s, want %s at most", got, want)
	}
}

func BenchmarkPack(b *testing.B) {
	for _, n := range []int{16, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			items, cost := randomItems(rand.New(rand.NewPCG(1, 1)), 2000, 20, 0.8)
			for b.Loop() {
				pack(items, cost, n)
			}
		})
	}
}
