package print

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/planner/inputs"
)

// foldSlowly is what fold means, said simply.
func foldSlowly(files []inputs.File, most int) map[string]inputs.Amount {
	folded := map[string]inputs.Amount{}
	for len(rowsOf(files, folded)) > most {
		lines, shown := map[string]int{}, map[string]bool{}
		for _, f := range files {
			p := f.Path
			if d, ok := foldedIn(p, folded); ok {
				p = d
			}
			if i := strings.LastIndexByte(p, '/'); i > 0 && !shown[p] {
				lines[p[:i]]++
			}
			shown[p] = true
		}
		best := ""
		for _, d := range slices.Sorted(maps.Keys(lines)) {
			if best == "" || lines[d] > lines[best] {
				best = d
			}
		}
		if best == "" {
			break
		}
		var a inputs.Amount
		for _, f := range files {
			if strings.HasPrefix(f.Path, best+"/") {
				a.Add(inputs.Amount{Files: 1, Bytes: f.Size})
			}
		}
		for d := range folded {
			if strings.HasPrefix(d, best+"/") {
				delete(folded, d)
			}
		}
		folded[best] = a
	}
	return folded
}

func TestFold(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		names := map[string]bool{}
		for range random.IntN(60) {
			p := ""
			for range random.IntN(4) {
				p += fmt.Sprintf("d%d/", random.IntN(3))
			}
			names[p+fmt.Sprintf("f%d", random.IntN(9))] = true
		}
		var files []inputs.File
		for _, name := range slices.Sorted(maps.Keys(names)) {
			files = append(files, inputs.File{Path: name, Size: int64(random.IntN(100))})
		}
		most := random.IntN(20)
		if got, want := fold(files, most), foldSlowly(files, most); !maps.Equal(got, want) {
			t.Fatalf("at most %d lines of %v:\n%v\nwant\n%v", most, slices.Sorted(maps.Keys(names)), got, want)
		}
	}
}
