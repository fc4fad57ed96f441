package merge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// The page of a merge has the graph of all shards: what is built on what, in layers,
// and what a failed target was built of.
func TestGraph(t *testing.T) {
	results := sample(t, stored{})
	for i, r := range results {
		pl := []string{amd64, arm64}[i]
		r.Targets = append(r.Targets, &record.Target{
			Name: "late " + pl, State: runner.Failed, Wanted: true, After: []string{"app"}, Ends: []string{"late" + pl}, Why: []string{"a file changed"},
			Failure: &record.Failure{Vertex: "late" + pl, Fault: runner.FaultUser, Error: "no", File: "Dockerfile", Line: 3,
				Excerpt: []record.Line{{Number: 3, Text: "RUN no", Marked: true}}},
		})
		r.Shard.Ranks = map[string]int{"app": 1, "late " + amd64: 2, "late " + arm64: 3}
		r.Targets[0].Ends = []string{"app" + pl}
		both := []string{"app", "late " + pl}
		r.Vertices = []*record.Vertex{
			{ID: "context", Kind: "local", Name: ".", Targets: both},
			{ID: "base", Kind: "stage", Name: "base", Targets: both, Run: 1, Started: time.Unix(1, 0), Seconds: 2, Inputs: []record.Input{{Vertex: "context", Why: "context"}}},
			{ID: "app" + pl, Kind: "stage", Name: "app", Platform: pl, Targets: both, Run: 1, Started: time.Unix(3, 0), Seconds: 3,
				Inputs: []record.Input{{Vertex: "base", Why: "base"}, {Vertex: "late" + pl, Why: "copy"}, {Vertex: "nonesuch", Why: "copy"}}},
			{ID: "late" + pl, Kind: "stage", Name: "late", Platform: pl, Targets: both[1:], Inputs: []record.Input{{Vertex: "app" + pl, Why: "base"}}},
		}
	}
	m := gathered(t, results...).Merge()
	if stages := m.Report.Stages(); stages.Shared != 3 {
		t.Errorf("%d shared stages, want base and app for two platforms", stages.Shared)
	}
	rec := record.New(m.Report, record.Info{Inputs: m.Inputs})
	if want := []string{"base", "app" + amd64}; !slices.Equal(rec.Totals.Critical, want) {
		t.Errorf("the critical path is %v, want %v", rec.Totals.Critical, want)
	}
	d := rec.Page(record.Beside{})
	var got []string
	for _, v := range d.Vertices {
		got = append(got, fmt.Sprintf("%s %s %d %v", v.Kind, v.Name, v.Layer, v.Inputs))
	}
	want := []string{
		"local . 0 []", "stage base 1 [{0 context 0}]", "stage app 2 [{1 base 0}]", "stage late 3 [{2 base 0}]", "stage app 2 [{1 base 0}]", "stage late 3 [{4 base 0}]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("vertices\n%q, want\n%q", got, want)
	}
	app, late := d.Targets[0], d.Targets[1]
	if !slices.Equal(app.Results, []int{2, 4}) || !slices.Equal(late.After, []int{0}) || !slices.Equal(late.Results, []int{3}) || late.Failure == 0 || !slices.Equal(late.Why, []string{"a file changed"}) {
		t.Errorf("app %+v, late %+v", app, late)
	}
	if f := d.Failures[0]; len(f.Excerpt) != 1 || d.Vertices[3].State != "failed" {
		t.Errorf("failure %+v in %+v", f, d.Vertices[3])
	}
}
