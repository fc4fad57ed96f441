package explain

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestShared compares the index with looking at each pair of targets.
func TestShared(t *testing.T) {
	for seed := range uint64(200) {
		causes := randomCauses(rand.New(rand.NewPCG(seed, 1)), 12, 6)
		s := share(causes)
		for name := range causes {
			if got, want := s.with(name, causes[name]), pairwise(causes, name); !slices.Equal(got, want) {
				t.Fatalf("seed %d: with %s: %q, not %q", seed, name, got, want)
			}
		}
	}
}

func randomCauses(r *rand.Rand, targets, kinds int) map[string][]*Cause {
	out := map[string][]*Cause{}
	for i := range targets {
		list := []*Cause{}
		for range r.IntN(3) {
			if r.IntN(3) == 0 {
				list = append(list, &Cause{Kind: Linked, Name: fmt.Sprint("t", r.IntN(targets))})
				continue
			}
			list = append(list, &Cause{Kind: File, Name: fmt.Sprint(r.IntN(kinds)), New: fmt.Sprint(r.IntN(2))})
		}
		out[fmt.Sprint("t", i)] = list
	}
	return out
}

func pairwise(causes map[string][]*Cause, name string) []string {
	var out []string
	for _, other := range slices.Sorted(maps.Keys(causes)) {
		if other == name {
			continue
		}
		if slices.ContainsFunc(causes[other], func(x *Cause) bool {
			return x.Kind == Linked && x.Name == name ||
				slices.ContainsFunc(causes[name], func(y *Cause) bool { return keyOf(x) == keyOf(y) })
		}) {
			out = append(out, other)
		}
	}
	return out
}

// BenchmarkShared finds what 2,000 targets have in common.
func BenchmarkShared(b *testing.B) {
	causes := randomCauses(rand.New(rand.NewPCG(1, 1)), 2000, 2000)
	for b.Loop() {
		s := share(causes)
		for name := range causes {
			s.with(name, causes[name])
		}
	}
}
