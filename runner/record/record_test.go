package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// sampleReport is a run of three targets on a shared stage, with a failure.
func sampleReport() *runner.Report {
	plan := &planner.Plan{Graph: &planner.Graph{}}
	for _, name := range []string{"a", "b", "c"} {
		plan.Builds = append(plan.Builds, &planner.Build{Target: &config.Target{Name: name}, Wanted: true})
	}
	plan.Builds[2].Inputs = []*planner.Build{plan.Builds[1]}
	base := &planner.Vertex{ID: "sha256:base", Name: "base", Targets: []string{"a", "b"}}
	app := &planner.Vertex{ID: "sha256:app", Name: "app", Platform: "linux/amd64", Targets: []string{"a"},
		Inputs: []planner.Edge{{From: base}}}
	plan.Graph.Vertices = []*planner.Vertex{base, app}
	plan.Builds[0].Stages = []*planner.Vertex{app}
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	failure := &runner.Failure{Target: "b", Stage: "base", ExitCode: 7, Fault: runner.FaultUser, Reason: "the step ended with exit code 7",
		Log: []string{"a hidden word"}, Err: errors.New("exit code: 7")}
	return &runner.Report{
		Plan: plan, Builder: "fake", Started: start, Finished: start.Add(3 * time.Second), Rounds: 2,
		Targets: []*runner.TargetReport{
			{Build: plan.Builds[0], State: runner.Done, Took: 2 * time.Second, Exporting: time.Second,
				Result:   &runner.Result{Digest: "sha256:1", Outputs: []runner.Output{{Type: "oci", Where: "a.tar", Size: 5}}, Metadata: map[string]any{"k": "v"}},
				Attempts: []runner.Attempt{{Started: start, Took: time.Second, Err: failure}, {Started: start, Took: time.Second}}},
			{Build: plan.Builds[1], State: runner.Failed, Err: failure},
			{Build: plan.Builds[2], State: runner.Blocked, Cause: "b", CauseStage: "base"},
		},
		Vertices: []*runner.VertexReport{
			{Vertex: base, Started: start, Took: time.Second, Steps: runner.Steps{Cached: 2}},
			{Vertex: app, Started: start, Took: 2 * time.Second, Steps: runner.Steps{Run: 3}},
		},
		Steps: []*runner.StepReport{{Name: "RUN x", Label: "app 1/3", Stage: "app", Started: start, Took: time.Second}},
		Mounts: []*runner.MountReport{{
			ID: "go-build", Platform: "linux/amd64", Builder: "arm", Shard: 2, State: runner.MountRestored, Targets: []string{"a"}, Files: 2, Bytes: 9,
			Restored: runner.MountTransfer{Bytes: 5000, Took: time.Second}, NotSaved: true, Warning: "is not saved: a hidden word",
		}},
	}
}

func sampleRecord() *Record {
	return New(sampleReport(), Info{
		ID: "run", Orch: "v1", Project: "/p",
		Mask: func(s string) string { return string(bytes.ReplaceAll([]byte(s), []byte("hidden"), []byte("***"))) },
	})
}

// What is written is what the published schema says.
func TestRecordSchema(t *testing.T) {
	data, err := json.Marshal(sampleRecord())
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	schema, err := c.Compile("result.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, data)
	}
	if bytes.Contains(data, []byte("hidden")) {
		t.Error("a text was not masked")
	}
}

func TestRecordKept(t *testing.T) {
	store := ProjectStore(t.TempDir(), "/home/me/project")
	if last, err := store.Last(); last != nil || err != nil {
		t.Fatalf("before the first run: %v, %v", last, err)
	}
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var kept *RunDir
	for i := range keepRuns + 5 {
		var err error
		if kept, err = store.Begin(start.Add(time.Duration(i) * time.Second)); err != nil {
			t.Fatal(err)
		}
		rec := sampleRecord()
		rec.ID = kept.ID
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept.Path(), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(store.runs()); n != keepRuns {
		t.Errorf("%d runs are kept, want %d", n, keepRuns)
	}
	last, err := store.Last()
	if err != nil {
		t.Fatal(err)
	}
	if last.ID != kept.ID || last.Target("c").State != runner.Blocked || last.Target("b").Failure.Fault != runner.FaultUser {
		t.Errorf("read %+v", last)
	}

	if err := os.WriteFile(filepath.Join(kept.Dir, recordName), []byte(`{"version": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Last(); err == nil {
		t.Error("a record of another version was read")
	}
}

// The result of a shard is as the schema says too.
func TestShardSchema(t *testing.T) {
	rec := sampleRecord()
	rec.Shard = &Shard{Plan: "sha256:1", Index: 1, Count: 2, Filled: []int{1, 2}, Parts: []Part{
		{Target: "a", Platforms: []string{"linux/amd64"}, All: []string{"linux/amd64", "linux/arm64"}, Tests: []string{"smoke"}, Tested: true},
	}}
	data, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("result.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, data)
	}
}
