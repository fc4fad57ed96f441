package merge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// TestPartial merges two platforms of a target without making an index, as after
// a shard that has failed: what one shard has pushed is not said to be the image.
func TestPartial(t *testing.T) {
	all := []string{"linux/amd64", "linux/arm64"}
	var results []*Result
	for i, platform := range all {
		d := "sha256:" + strings.Repeat(string(rune('a'+i)), 64)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, &Result{Path: platform, Record: &record.Record{
			Version: record.Version,
			Targets: []*record.Target{{
				Name: "app", State: runner.Done, Wanted: true, Digest: d,
				Metadata: map[string]any{digestKey: json.RawMessage(text), "image.name": "example.com/app:v1"},
			}},
			Shard: &record.Shard{
				Plan: "p", Index: i + 1, Count: 2, Filled: []int{1, 2},
				Parts: []record.Part{{Target: "app", Platforms: []string{platform}, All: all}},
			},
		}})
	}
	set, err := Gather(results, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	got := set.Merge().Report.Targets[0]
	if got.State != runner.Done || got.Result.Digest != "" || got.Result.Metadata[digestKey] != nil || got.Result.Metadata["image.name"] == nil {
		t.Errorf("%s %+v", got.State, got.Result)
	}
}

// TestUnpushed merges two platforms of which one was not pushed, and is neither one
// image with the other nor skipped: in either order no tag moves.
func TestUnpushed(t *testing.T) {
	all := []string{"linux/amd64", "linux/arm64"}
	d := "sha256:" + strings.Repeat("a", 64)
	for pushed := range all {
		var results []*Result
		for i, platform := range all {
			target := &record.Target{Name: "app", State: runner.Done, Wanted: true}
			if i == pushed {
				target.Digest, target.Unpublished = d, []runner.Tag{{Name: "example.com/app:v1", Digest: d}}
			}
			results = append(results, &Result{Path: platform, Record: &record.Record{
				Version: record.Version, State: "done", Targets: []*record.Target{target},
				Shard: &record.Shard{
					Plan: "p", Index: i + 1, Count: 2, Filled: []int{1, 2}, File: "shards.json",
					Parts: []record.Part{{Target: "app", Platforms: []string{platform}, All: all}},
				},
			}})
		}
		set, err := Gather(results, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		got := set.Merge().Report.Targets[0]
		want := fmt.Sprintf("shard %d/2 has not pushed it", 2-pushed)
		if got.State != runner.Canceled || got.Err == nil || !strings.Contains(got.Err.Error(), want) || got.Result != nil {
			t.Errorf("%s, %v; want %s", got.State, got.Err, want)
		}
	}
}

// TestAbsent merges one shard of two: what only the other was to build is there too,
// in its place, and is not done.
func TestAbsent(t *testing.T) {
	plan := &shard.File{
		ID: "p", Targets: []shard.Target{{Name: "app"}, {Name: "web", Tags: []string{"example.com/web:v1"}}}, Order: []string{"web", "app"},
		Shards: []shard.Shard{{Index: 1, Parts: []shard.Part{{Target: "app"}}}, {Index: 2, Parts: []shard.Part{{Target: "web"}}}},
	}
	set, err := Gather([]*Result{{Path: "one", Record: &record.Record{
		Version: record.Version, State: "done", Targets: []*record.Target{{Name: "app", State: runner.Done, Wanted: true}},
		Shard: &record.Shard{
			Plan: "p", Index: 1, Count: 2, Filled: []int{1, 2}, Ranks: map[string]int{"web": 0, "app": 1},
			Parts: []record.Part{{Target: "app"}},
		},
	}}}, plan, "shards.json")
	if err != nil {
		t.Fatal(err)
	}
	got := set.Merge().Report.Targets
	if len(got) != 2 || got[0].Name() != "web" || got[0].State != runner.Canceled || got[0].Err == nil || got[1].State != runner.Done {
		t.Errorf("%+v", got)
	}
}

// TestBuiltOnce merges a stage that the job before the shards has built, and that the
// shards have read later, in any order: its time is that of the build.
func TestBuiltOnce(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	built := &record.Vertex{ID: "v", Kind: "stage", Started: began, Seconds: 15, Run: 2}
	read := &record.Vertex{ID: "v", Kind: "stage", Started: began.Add(time.Minute), Seconds: 20, Hits: 2}
	for _, order := range [][]*record.Vertex{{built, read, read}, {read, built, read}} {
		rv := newReviver()
		for _, v := range order {
			rv.add(&record.Record{Vertices: []*record.Vertex{v}})
		}
		got := rv.reports()[0]
		if !got.Started.Equal(began) || !got.Finished.Equal(began.Add(15*time.Second)) || got.Took != 15*time.Second || got.Steps.Cached != 4 {
			t.Errorf("%s to %s, %s, %+v", got.Started, got.Finished, got.Took, got.Steps)
		}
	}
}
