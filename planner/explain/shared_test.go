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
		causes := randomCauses(rand.New(rand.NewPCG(seed, 1)), 24, 6)
		s := share(causes)
		for name := range causes {
			got, more := s.with(name, causes[name])
			want := pairwise(causes, name)
			if first := want[:min(len(want), mostWith)]; !slices.Equal(got, first) || len(got)+more != len(want) {
				t.Fatalf("seed %d: with %s: %q and %d more, not %q", seed, name, got, more, want)
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

// One file that all targets read does not make each of them name all the others.
func TestSharedBounded(t *testing.T) {
	causes := map[string][]*Cause{}
	for i := range 1000 {
		causes[fmt.Sprint("t", i)] = []*Cause{{Kind: File, Name: "f"}}
	}
	s := share(causes)
	for name := range causes {
		if names, more := s.with(name, causes[name]); len(names) != mostWith || more != 999-mostWith {
			t.Fatalf("%s: %d named and %d more", name, len(names), more)
		}
	}
	if len(s.unions) != 1 {
		t.Errorf("%d unions of one list of causes", len(s.unions))
	}
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
