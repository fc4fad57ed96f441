package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orch-build/orch/planner"
)

// sampleReport is a run of three targets on a shared stage, with a failure.
func sampleReport() *Report {
	plan := graph("a", "b", "c: b")
	base := &planner.Vertex{ID: "sha256:base", Name: "base", Targets: []string{"a", "b"}}
	app := &planner.Vertex{ID: "sha256:app", Name: "app", Platform: "linux/amd64", Targets: []string{"a"},
		Inputs: []planner.Edge{{From: base}}}
	plan.Graph.Vertices = []*planner.Vertex{base, app}
	plan.Builds[0].Stages = []*planner.Vertex{app}
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	failure := &Failure{Target: "b", Stage: "base", ExitCode: 7, Fault: FaultUser, Reason: "the step ended with exit code 7",
		Log: []string{"a hidden word"}, Err: errors.New("exit code: 7")}
	return &Report{
		Plan: plan, Builder: "fake", Started: start, Finished: start.Add(3 * time.Second), Rounds: 2,
		Targets: []*TargetReport{
			{Build: plan.Builds[0], State: Done, Took: 2 * time.Second, Exporting: time.Second,
				Result:   &Result{Digest: "sha256:1", Outputs: []Output{{Type: "oci", Where: "a.tar", Size: 5}}, Metadata: map[string]any{"k": "v"}},
				Attempts: []Attempt{{Started: start, Took: time.Second, Err: failure}, {Started: start, Took: time.Second}}},
			{Build: plan.Builds[1], State: Failed, Err: failure},
			{Build: plan.Builds[2], State: Blocked, Cause: "b", CauseStage: "base"},
		},
		Vertices: []*VertexReport{
			{Vertex: base, Started: start, Took: time.Second, Steps: Steps{Cached: 2}},
			{Vertex: app, Started: start, Took: 2 * time.Second, Steps: Steps{Run: 3}},
		},
		Steps: []*StepReport{{Name: "RUN x", Label: "app 1/3", Stage: "app", Started: start, Took: time.Second}},
	}
}

func sampleRecord() *Record {
	return NewRecord(sampleReport(), RecordInfo{
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
	var kept *Kept
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
	if last.ID != kept.ID || last.Target("c").State != Blocked || last.Target("b").Failure.Fault != FaultUser {
		t.Errorf("read %+v", last)
	}

	if err := os.WriteFile(filepath.Join(kept.Dir, recordName), []byte(`{"version": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Last(); err == nil {
		t.Error("a record of another version was read")
	}
}

func TestCriticalPath(t *testing.T) {
	r := sampleReport()
	path, length := r.CriticalPath()
	if len(path) != 2 || path[0].Vertex.Name != "base" || length != 3*time.Second {
		t.Errorf("%d vertices, %s", len(path), length)
	}
	if c := r.Stages(); c != (StageCounts{Run: 1, Cached: 1, Shared: 1}) {
		t.Errorf("stages: %+v", c)
	}
	if s := r.SlowestSteps(3); len(s) != 1 || s[0].Name != "RUN x" {
		t.Errorf("slowest: %v", s)
	}
}
