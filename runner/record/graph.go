package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/page"
)

// addGraph enters what the record says of how vertices and targets hang together,
// where no plan is kept: of a merge of shards, and of a run of another machine. What
// a plan has said of the first of them stays.
func (p *paging) addGraph(vertices, targets int) {
	for _, r := range p.Record.Vertices {
		i := p.vertices[r.ID]
		if i < vertices {
			continue
		}
		v := p.Data.Vertices[i]
		v.Kind = cmp.Or(r.Kind, v.Kind)
		for _, in := range r.Inputs {
			// Inputs come first in a record: whatever else it says cannot be drawn.
			if n, ok := p.vertices[in.Vertex]; ok && n < i {
				v.Inputs = append(v.Inputs, page.Input{Vertex: n, Why: clean(in.Why)})
				v.Layer = max(v.Layer, p.Data.Vertices[n].Layer+1)
			}
		}
	}
	shapes := map[string]int{}
	for _, r := range p.Record.Targets {
		i := p.targets[r.Name]
		if i < targets {
			continue
		}
		t := p.Data.Targets[i]
		for _, name := range r.After {
			if n, ok := p.targets[name]; ok {
				t.After = append(t.After, n)
			}
		}
		for _, id := range r.Ends {
			if n, ok := p.vertices[id]; ok && !slices.Contains(t.Results, n) {
				t.Results = append(t.Results, n)
			}
		}
		if len(t.Vertices) > 0 {
			key := p.shape(t)
			if _, ok := shapes[key]; !ok {
				shapes[key] = targets + len(shapes)
			}
			t.Shape = shapes[key]
		}
	}
}

// shape is equal for targets that are made in the same way: of the same shared
// vertices, and of their own of the same names.
func (p *paging) shape(t *page.Target) string {
	var parts []string
	for _, i := range t.Vertices {
		v := p.Data.Vertices[i]
		switch {
		case len(v.Targets) > 1:
			parts = append(parts, v.ID)
		case v.Kind == "stage":
			parts = append(parts, fmt.Sprintf("%s %s %d %v", v.Name, v.Platform, v.Layer, v.Inputs == nil))
		default:
			parts = append(parts, fmt.Sprint(v.Kind, v.Layer))
		}
	}
	return strings.Join(parts, "\n")
}
