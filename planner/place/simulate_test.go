package place

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/need"
)

// A farm is a number of fake builders with a fake clock: each remembers what it
// has built, and what it builds takes the time of the work.
type farm struct {
	has   map[string]map[string]bool // by builder
	clock map[string]float64
	hits  int
	asked int
}

func newFarm() *farm { return &farm{has: map[string]map[string]bool{}, clock: map[string]float64{}} }

// build has a builder build a thing, if it does not have it.
func (f *farm) build(builder, thing string, took time.Duration) {
	if f.has[builder] == nil {
		f.has[builder] = map[string]bool{}
	}
	f.asked++
	if f.has[builder][thing] {
		f.hits++
		return
	}
	f.has[builder][thing] = true
	f.clock[builder] += took.Seconds()
}

// run builds the work as it is placed, and returns when the last builder is done
// and how much of it was there.
func (f *farm) run(w Work, names []string, at []int) (makespan, warm float64) {
	f.clock, f.hits, f.asked = map[string]float64{}, 0, 0
	for u, b := range at {
		for _, s := range w.Units[u].Shared {
			f.build(names[b], "shared "+w.Shared[s].Key, w.Shared[s].Took)
		}
		f.build(names[b], w.Units[u].Name, w.Units[u].Own)
	}
	for _, t := range f.clock {
		makespan = max(makespan, t)
	}
	return makespan, float64(f.hits) / float64(f.asked)
}

func namesOf(all []Builder) []string {
	var out []string
	for _, b := range all {
		out = append(out, b.Name)
	}
	return out
}

// later is the work of a day later: one target in ten was changed and took another
// time, one in fifty is new, and so is one of the bases. What was not changed was
// not run again, and has the time that it had.
func later(w Work, r *rand.Rand) Work {
	out := Work{Shared: slices.Clone(w.Shared), Units: slices.Clone(w.Units)}
	for i := range out.Units {
		if r.IntN(10) == 0 {
			out.Units[i].Own = out.Units[i].Own * time.Duration(80+r.IntN(41)) / 100
		}
		if r.IntN(50) == 0 {
			out.Units[i].Name += " new"
		}
	}
	i := r.IntN(len(out.Shared))
	out.Shared[i].Took = out.Shared[i].Took * time.Duration(80+r.IntN(41)) / 100
	return out
}

// TestSimulate has 100 builders build large projects.
func TestSimulate(t *testing.T) {
	const n = 100
	shapes := map[string]func(*rand.Rand, int) Work{
		"one base":     func(_ *rand.Rand, targets int) Work { return bases(targets, 1, 60*time.Second, 10*time.Second) },
		"20 bases":     func(_ *rand.Rand, targets int) Work { return bases(targets, 20, 60*time.Second, 10*time.Second) },
		"of all sizes": random,
	}
	sizes := []int{1000, 3000}
	if need.Long() {
		sizes = append(sizes, 10000)
	}
	for name, shape := range shapes {
		for _, targets := range sizes {
			t.Run(fmt.Sprint(name, "/", targets), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(targets), 5))
				w := shape(r, targets)
				all := builders(n + 1)
				simulate(t, w, all, r)
			})
		}
	}
}

func simulate(t *testing.T, w Work, all []Builder, r *rand.Rand) {
	n := len(all) - 1
	p := Place(w, all[:n])
	f, names := newFarm(), namesOf(all)
	cold, _ := f.run(w, names, p.At)
	low := bound(w, n)
	more := Place(w, all)
	joined := float64(moved(p, more)) / float64(len(w.Units))
	next := later(w, r)
	q := Place(next, all[:n])
	_, warm := f.run(next, names, q.At)

	// What others do: one builder for all, or any builder for each.
	sticky, random := newFarm(), newFarm()
	one, any := make([]int, len(w.Units)), make([]int, len(w.Units))
	again := make([]int, len(w.Units))
	for u := range any {
		any[u], again[u] = r.IntN(n), r.IntN(n)
	}
	stickyCold, _ := sticky.run(w, names, one)
	_, stickyWarm := sticky.run(next, names, one)
	randomCold, _ := random.run(w, names, any)
	_, randomWarm := random.run(next, names, again)

	t.Logf("makespan %.2f of the bound (sticky %.1f, random %.2f); a builder more moves %.2f%% of the units; found on the next day: %.1f%% (sticky %.1f%%, random %.1f%%)",
		cold/low, stickyCold/low, randomCold/low, 100*joined, 100*warm, 100*stickyWarm, 100*randomWarm)
	if cold > 1.3*low {
		t.Errorf("the makespan is %.2f of the bound", cold/low)
	}
	if joined > 0.1 {
		t.Errorf("a builder more moves %.2f%% of the units", 100*joined)
	}
	if warm < 0.8 {
		t.Errorf("only %.1f%% are found on the next day", 100*warm)
	}
}
