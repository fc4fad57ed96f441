package place

import (
	"math"
	"slices"
	"time"
)

// alike is by how much the times of two groups differ at least if they are to be
// treated as different: how long something took hangs on what else the builder did.
const alike = 3

// few is how many groups there are at most for that to matter: among more, what one
// of them takes is little.
const few = 32

// evened returns work in which groups whose times are of one order have the same:
// what is placed where must not change with each run's times. The more of a builder
// a group needs by itself, the more it keeps its own.
func evened(work Work, base []int, keys []uint64, builders []Builder) Work {
	groups := map[uint64][]int{}
	for u := range work.Units {
		groups[keys[u]] = append(groups[keys[u]], u)
	}
	if len(groups) > few {
		return work
	}
	weights := map[uint64]float64{}
	total, size := 0.0, 0.0
	for key, units := range groups {
		seen := map[int]bool{}
		for _, u := range units {
			weights[key] += work.Units[u].Own.Seconds()
			for _, s := range work.Units[u].Shared {
				if !seen[s] {
					seen[s] = true
					weights[key] += work.Shared[s].Took.Seconds()
				}
			}
		}
		total += weights[key]
	}
	for b := range builders {
		size += builders[b].weight()
	}
	var small []float64
	for _, w := range weights {
		if w > 0 {
			small = append(small, w)
		}
	}
	if len(small) == 0 {
		return work
	}
	slices.Sort(small)
	middle := small[len(small)/2]
	out := Work{Units: slices.Clone(work.Units), Shared: slices.Clone(work.Shared)}
	for key, units := range groups {
		w := weights[key]
		if w <= 0 {
			continue
		}
		much := min(max(2-2*w*size/total, 0), 1)
		factor := math.Pow(middle*math.Pow(alike, math.Round(math.Log(w/middle)/math.Log(alike)))/w, much)
		for _, u := range units {
			out.Units[u].Own = scaled(out.Units[u].Own, factor)
		}
		if s := base[units[0]]; s >= 0 {
			out.Shared[s].Took, out.Shared[s].Again = scaled(work.Shared[s].Took, factor), scaled(work.Shared[s].Again, factor)
		}
	}
	return out
}

func scaled(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * factor)
}
