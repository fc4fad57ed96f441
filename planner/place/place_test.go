package place

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const amd64, arm64 = "linux/amd64", "linux/arm64"

// builders are n of the same kind, named as the pods of a StatefulSet.
func builders(n int) []Builder {
	out := make([]Builder, n)
	for i := range out {
		out[i] = Builder{Name: fmt.Sprintf("bk-%d", i), Platforms: []string{amd64}, Weight: 1}
	}
	return out
}

// bases is work of n targets over some bases.
func bases(n, bases int, base, own time.Duration) Work {
	var w Work
	for i := range bases {
		w.Shared = append(w.Shared, Shared{Key: fmt.Sprintf("base %d", i), Took: base})
	}
	for i := range n {
		w.Units = append(w.Units, Unit{Name: fmt.Sprintf("t%d", i), Platforms: []string{amd64}, Own: own, Shared: []int{i % bases}})
	}
	return w
}

// random is work as projects have it: bases of all sizes, some with stages
// between them and the targets, some targets by themselves.
func random(r *rand.Rand, n int) Work {
	var w Work
	nb := 1 + r.IntN(max(1, n/8))
	for i := range nb {
		w.Shared = append(w.Shared, Shared{Key: fmt.Sprint("base", i), Took: time.Duration(5+r.IntN(120)) * time.Second})
	}
	for i := range nb / 2 {
		w.Shared = append(w.Shared, Shared{Key: fmt.Sprint("mid", i), Took: time.Duration(1+r.IntN(4)) * time.Second})
	}
	for i := range n {
		u := Unit{Name: fmt.Sprint("t", i), Platforms: []string{amd64}, Own: time.Duration(1+r.IntN(60)) * time.Second}
		if r.IntN(10) > 0 {
			u.Shared = append(u.Shared, r.IntN(nb))
			if b := u.Shared[0]; b < nb/2 && r.IntN(2) == 0 {
				u.Shared = append(u.Shared, nb+b)
			}
		}
		w.Units = append(w.Units, u)
	}
	return w
}

func moved(a, b *Placement) int {
	n := 0
	for u := range a.At {
		if a.Builders[a.At[u]].Name != b.Builders[b.At[u]].Name {
			n++
		}
	}
	return n
}

// bound is what no placement is shorter than: a builder that has any unit of a
// base has the base too.
func bound(w Work, n int) float64 {
	type group struct{ base, own float64 }
	groups := map[int]*group{}
	longest := 0.0
	for i, u := range w.Units {
		key, base := -1-i, 0.0
		for _, s := range u.Shared {
			if took := w.Shared[s].Took.Seconds(); took > base {
				key, base = s, took
			}
		}
		if groups[key] == nil {
			groups[key] = &group{base: base}
		}
		groups[key].own += u.Own.Seconds()
		longest = max(longest, base+u.Own.Seconds())
	}
	low, high := longest, longest
	for _, g := range groups {
		high += g.base + g.own
	}
	for range 50 {
		t := (low + high) / 2
		need := 0.0 // builders, in parts
		for _, g := range groups {
			need += max((g.base+g.own)/t, g.own/max(t-g.base, 1e-9))
		}
		if need <= float64(n) {
			high = t
		} else {
			low = t
		}
	}
	return high
}

func makespan(p *Placement) float64 { return slices.Max(p.Loads()).Seconds() }

func TestPlaceBases(t *testing.T) {
	w := bases(60, 6, 4*time.Second, time.Second)
	p := Place(w, builders(3))
	on := map[int]map[int]bool{}
	for u, b := range p.At {
		base := w.Units[u].Shared[0]
		if on[base] == nil {
			on[base] = map[int]bool{}
		}
		on[base][b] = true
	}
	for base, where := range on {
		if len(where) != 1 {
			t.Errorf("base %d is run by %d builders", base, len(where))
		}
	}
	if got, want := makespan(p), 28.0; got > want+0.1 {
		t.Errorf("makespan %.1f, want %.1f", got, want)
	}
	four := Place(w, builders(4))
	if n := moved(p, four); n > 15 || n == 0 {
		t.Errorf("a fourth builder moves %d of 60", n)
	}
}

// TestPlaceAnyNames: what holds must not hang on how the builders are called.
func TestPlaceAnyNames(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := builders(4)
		for i := range all {
			all[i].Name = fmt.Sprintf("tcp://127.0.0.1:%d", 20000+r.IntN(20000))
		}
		w := bases(60, 6, 4*time.Second, time.Second)
		three, four := Place(w, all[:3]), Place(w, all)
		if m := makespan(three); m > 28.1 {
			t.Errorf("%d: makespan %.1f", seed, m)
		}
		if n := moved(three, four); n > 15 {
			t.Errorf("%d: a fourth builder moves %d of 60", seed, n)
		}
		// On a busy machine the times of a run differ from those of the one before,
		// and those of one builder from those of another.
		for i := range w.Units {
			slow := 10 + 4*three.At[i]
			w.Units[i].Own = w.Units[i].Own * time.Duration(7*slow+r.IntN(6*slow)) / 100
		}
		if n := moved(three, Place(w, all[:3])); n > 0 {
			t.Errorf("%d: other times move %d of 60", seed, n)
		}
	}
}

// TestFewBases places targets over fewer bases than there are builders: each builder
// has some, whatever the builders are called.
func TestFewBases(t *testing.T) {
	for _, c := range []struct{ units, bases, builders int }{{4, 1, 2}, {6, 1, 4}, {8, 2, 3}, {12, 2, 4}, {12, 3, 4}, {8, 3, 4}} {
		r := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			list := builders(c.builders)
			for i := range list {
				list[i].Name = fmt.Sprintf("127.0.0.1:%d", 20000+r.IntN(12000))
			}
			work := bases(c.units, c.bases, 100*time.Millisecond, time.Second)
			p := Place(work, list)
			if longest, least := makespan(p), bound(work, c.builders); longest > 1.5*least {
				t.Errorf("%d units over %d bases on %d builders: %v, the longest takes %.1f s, and %.1f s are possible", c.units, c.bases, c.builders, p.At, longest, least)
			}
		}
	}
}

func TestPlatforms(t *testing.T) {
	w := Work{
		Shared: []Shared{{Key: "a", Took: 10 * time.Second}, {Key: "b", Took: 10 * time.Second}},
		Units: []Unit{
			{Name: "x amd64", Platforms: []string{amd64}, Own: time.Second, Shared: []int{0}},
			{Name: "x arm64", Platforms: []string{arm64}, Own: time.Second, Shared: []int{1}},
			{Name: "y amd64", Platforms: []string{amd64}, Own: time.Second, Shared: []int{0}},
			{Name: "y arm64", Platforms: []string{arm64}, Own: time.Second, Shared: []int{1}},
			{Name: "z", Platforms: []string{amd64, arm64}, Own: time.Second},
		},
	}
	p := Place(w, []Builder{{Name: "a", Platforms: []string{amd64}}, {Name: "b", Platforms: []string{arm64}}})
	if want := []int{0, 1, 0, 1, -1}; !slices.Equal(p.At, want) {
		t.Errorf("placed at %v, want %v", p.At, want)
	}
	p = Place(w, []Builder{{Name: "a", Platforms: []string{amd64}}, {Name: "b", Platforms: []string{arm64}}, {Name: "c", Platforms: []string{amd64, arm64}}})
	if p.At[4] != 2 {
		t.Errorf("what needs both is at %d", p.At[4])
	}
}

// TestLose: what a lost builder has goes to others, and nothing else moves.
func TestLose(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := random(r, 20+r.IntN(200))
		all := builders(2 + r.IntN(9))
		before := Place(w, all)
		after := Place(w, all)
		dead := r.IntN(len(all))
		var lost []int
		for u, b := range after.At {
			if b == dead {
				lost = append(lost, u)
			}
		}
		got, stuck := after.Next(lost, func(b int) bool { return b != dead })
		if !slices.Equal(got, lost) || len(stuck) > 0 {
			t.Fatalf("%d: moved %d of %d, %d have no builder", seed, len(got), len(lost), len(stuck))
		}
		for u := range after.At {
			if !slices.Contains(lost, u) && after.At[u] != before.At[u] {
				t.Fatalf("%d: unit %d moved without need", seed, u)
			}
			if after.At[u] == dead {
				t.Fatalf("%d: unit %d is at a builder that is lost", seed, u)
			}
		}
	}
	p := Place(bases(2, 1, time.Second, time.Second), builders(1))
	if got, stuck := p.Next([]int{0, 1}, func(int) bool { return false }); len(got) > 0 || len(stuck) != 2 {
		t.Errorf("moved %v, stuck %v", got, stuck)
	}
}

// TestProperties: loads add up, every unit has a builder that fits, and the same
// question has the same answer.
func TestProperties(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := random(r, 1+r.IntN(300))
		all := builders(1 + r.IntN(40))
		for i := range all {
			all[i].Weight = float64(1 + r.IntN(3))
			if i > 0 && r.IntN(4) == 0 {
				all[i].Platforms = append(all[i].Platforms, arm64)
			}
		}
		for i := range w.Units {
			if slices.Contains(all[len(all)-1].Platforms, arm64) && r.IntN(5) == 0 {
				w.Units[i].Platforms = []string{arm64}
			}
		}
		p := Place(w, all)
		if q := Place(w, all); !slices.Equal(p.At, q.At) {
			t.Fatalf("%d: two answers", seed)
		}
		sum := make([]float64, len(all))
		for b := range all {
			has := map[int]bool{}
			for u, at := range p.At {
				if at < 0 {
					t.Fatalf("%d: unit %d has no builder", seed, u)
				}
				if at != b {
					continue
				}
				if !all[b].has(w.Units[u].Platforms) {
					t.Fatalf("%d: unit %d is at a builder without its platform", seed, u)
				}
				sum[b] += w.Units[u].Own.Seconds()
				for _, s := range w.Units[u].Shared {
					if !has[s] {
						has[s] = true
						sum[b] += w.Shared[s].Took.Seconds()
					}
				}
			}
			if got := p.Loads()[b].Seconds(); got < sum[b]-0.01 || got > sum[b]+0.01 {
				t.Fatalf("%d: load %.2f of builder %d, want %.2f", seed, got, b, sum[b])
			}
		}
	}
}

// TestPools: what only one builder can build has the others no less even.
func TestPools(t *testing.T) {
	w := bases(400, 20, 60*time.Second, 10*time.Second)
	for i := range 200 {
		w.Units = append(w.Units, Unit{Name: fmt.Sprint("arm", i), Platforms: []string{arm64}, Own: 20 * time.Second})
	}
	w.Units = append(w.Units, Unit{Name: "nowhere", Platforms: []string{"linux/s390x"}, Own: time.Second})
	all := builders(20)
	all = append(all, Builder{Name: "arm", Platforms: []string{arm64}})
	p := Place(w, all)
	loads := p.Loads()
	if got, most := slices.Max(loads[:20]), 330*time.Second; got > most {
		t.Errorf("the longest of the others takes %s", got)
	}
	if got := loads[20]; got != 4000*time.Second {
		t.Errorf("the one takes %s", got)
	}
	if p.At[600] != -1 {
		t.Errorf("what no builder has the platform of is at %d", p.At[600])
	}
}

// TestFew: a group that is built alone is on the builder that scores highest for it,
// whatever else was built with it before.
func TestFew(t *testing.T) {
	w := bases(60, 60, 20*time.Second, time.Second)
	all := builders(8)
	for u := range w.Units {
		one := Place(Work{Units: w.Units[u : u+1], Shared: w.Shared}, all)
		if got, want := one.At[0], one.Order(0)[0]; got != want {
			t.Errorf("unit %d alone is on %d, and %d scores highest", u, got, want)
		}
	}
}
