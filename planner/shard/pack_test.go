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
func randomItems(r *rand.Rand, n, bases int, share float64) ([]item, []cost) {
	costs := make([]cost, bases)
	for i := range costs {
		build := time.Duration(1+r.IntN(60)) * time.Second
		costs[i] = cost{build, build}
		if i%2 == 1 {
			costs[i].each = build / 10
		}
	}
	items := make([]item, n)
	for i := range items {
		items[i].own = time.Duration(r.ExpFloat64() * float64(30*time.Second))
		if bases > 0 && r.Float64() < share {
			items[i].shared = []int{r.IntN(bases)}
		}
	}
	return items, costs
}

// A shard takes what its items take, with each shared thing once.
func TestPackLoads(t *testing.T) {
	for seed := range uint64(need.Rounds(200)) {
		r := rand.New(rand.NewPCG(seed, 1))
		items, costs := randomItems(r, 1+r.IntN(60), r.IntN(6), 0.7)
		n := 1 + r.IntN(12)
		p := pack(items, costs, n)
		want := make([]time.Duration, n)
		has := map[[2]int]bool{}
		in := make([][]int, len(costs))
		for i, bin := range p.bin {
			if bin < 0 || bin >= n {
				t.Fatalf("seed %d: item %d is in shard %d of %d", seed, i, bin, n)
			}
			want[bin] += items[i].own
			for _, s := range items[i].shared {
				if !has[[2]int{bin, s}] {
					has[[2]int{bin, s}] = true
					in[s] = append(in[s], bin)
				}
			}
		}
		for s, bins := range in {
			for _, bin := range bins {
				if len(bins) == 1 {
					want[bin] += costs[s].alone
				} else {
					want[bin] += costs[s].each
				}
			}
		}
		if !slices.Equal(p.loads, want) {
			t.Errorf("seed %d: loads %v, want %v", seed, p.loads, want)
		}
		if again := pack(items, costs, n); !reflect.DeepEqual(p, again) {
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
			items, costs := randomItems(r, 1000, 12, 0.5)
			p := packer{items: items, cost: costs, n: n}
			bound := p.lowerBound()
			got := pack(items, costs, n).makespan()
			if ratio := float64(got) / float64(bound); ratio > 1.3 {
				t.Errorf("%d shards, seed %d: %s is %.2f of %s", n, seed, got, ratio, bound)
			}
		}
	}
}

// What shares much is kept together, even where single items would be spread.
func TestKeepsTogether(t *testing.T) {
	var items []item
	costs := make([]cost, 10)
	for b := range costs {
		costs[b] = cost{100 * time.Second, 100 * time.Second}
		for range 100 {
			items = append(items, item{time.Second, []int{b}})
		}
	}
	if got := pack(items, costs, 10).makespan(); got > 220*time.Second {
		t.Errorf("the longest of 10 shards takes %s, and could take 200s", got)
	}
}

// One base of all items is built in each shard, and the rest is divided.
func TestOneBase(t *testing.T) {
	var items []item
	for i := range 1000 {
		items = append(items, item{time.Duration(1+i%3) * time.Second, []int{0}})
	}
	got := pack(items, []cost{{100 * time.Second, 100 * time.Second}}, 10).makespan()
	if want := 300 * time.Second; got > want {
		t.Errorf("the longest of 10 shards takes %s, want %s at most", got, want)
	}
}

// What one shard alone needs is built there at its full time: the packer counts that,
// and not what reading it would take.
func TestBuiltAlone(t *testing.T) {
	// Two units share what takes 100s to build and 11s to read; others take 60s each.
	items := []item{{10 * time.Second, []int{0}}, {10 * time.Second, []int{0}}, {60 * time.Second, nil}, {60 * time.Second, nil}}
	got := pack(items, []cost{{100 * time.Second, 11 * time.Second}}, 2)
	if want := 81 * time.Second; got.makespan() > want {
		t.Errorf("the longest of 2 shards takes %s, and could take %s", got.makespan(), want)
	}
}

func BenchmarkPack(b *testing.B) {
	for _, n := range []int{16, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			items, costs := randomItems(rand.New(rand.NewPCG(1, 1)), 2000, 20, 0.8)
			for b.Loop() {
				pack(items, costs, n)
			}
		})
	}
}
