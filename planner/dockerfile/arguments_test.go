package dockerfile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestArguments holds chains of arguments against plain maps.
func TestArguments(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var args *Arguments
		want := map[string]string{}
		for range 60 {
			args = args.On()
			for range r.IntN(4) {
				key := fmt.Sprint(r.IntN(12))
				if r.IntN(4) == 0 {
					args.Unset(key)
					delete(want, key)
				} else {
					value := fmt.Sprint(r.IntN(100))
					args.Set(key, value)
					want[key] = value
				}
			}
			if got := args.Map(); !maps.Equal(got, want) {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
		}
	}
}

// TestArgumentsChain has a long chain of stages with an argument each, which
// must not take a square of memory.
func TestArgumentsChain(t *testing.T) {
	const stages = 5000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept := make([]*Arguments, stages)
	var args *Arguments
	for i := range stages {
		args = args.On()
		args.Set(fmt.Sprint("a", i), "b")
		kept[i] = args
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 50<<20 {
		t.Errorf("%d stages take %d MiB", stages, got>>20)
	}
	if n := len(kept[stages/2].Map()); n != stages/2+1 {
		t.Errorf("the stage in the middle has %d arguments", n)
	}
	var none *Arguments
	if none.Map() != nil {
		t.Error("no arguments have a map")
	}
}
