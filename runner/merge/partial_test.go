package merge

import (
	"encoding/json"
	"strings"
	"testing"

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
