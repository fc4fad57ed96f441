package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/runner"
)

// failedRecord is a run in which two targets failed in one step, whose output has
// n lines in a file.
func failedRecord(t *testing.T, n int) (*Record, Kept) {
	t.Helper()
	rec := sampleRecord()
	start := rec.Started
	failure := &Failure{
		Stage: "app", Vertex: "sha256:app", Platform: "linux/arm64", Builder: "arm", File: "Dockerfile", Line: 7, Step: "[app 2/3] RUN make",
		Excerpt: []Line{{Number: 6, Text: "COPY . ."}, {Number: 7, Text: "RUN make", Marked: true}},
		Log:     []string{"the last of it"}, LogFile: "/elsewhere/logs/002.log", Error: "exit code: 2", Fault: runner.FaultUser,
	}
	rec.ID = "20261129-040506.789-abcd"
	rec.Targets = []*Target{
		{Name: "a", State: runner.Failed, Reason: "the compiler found an error", Failure: failure, Why: []string{"main.c changed"},
			Attempts: []Attempt{{Started: start.Add(time.Second), Seconds: 2, Error: "exit code: 2"}}},
		{Name: "b", State: runner.Failed, Reason: "the compiler found an error", Failure: failure},
		{Name: "c", State: runner.Blocked, Cause: "a"},
		{Name: "earlier", State: runner.Done, From: "run-1"},
	}
	rec.Vertices[1].Run, rec.Vertices[1].Started = 2, start
	rec.Steps = []*Step{
		{Name: "RUN x", Label: "base 1/1", Vertex: "sha256:base", Started: start, Cached: true},
		{Name: "RUN make", Label: "app 2/3", Vertex: "sha256:app", Started: start.Add(time.Second), Seconds: 2, Failed: true},
		{Name: "[internal] load", Started: start, Seconds: 1},
	}
	k := Kept{ID: rec.ID, Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(k.Dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "line %d\n", i+1)
	}
	if n > 0 {
		if err := os.WriteFile(filepath.Join(k.Dir, "logs", "002.log"), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return rec, k
}

// planOf is a plan with the vertices of a record, and an edge between them.
func planOf() *page.Data {
	return &page.Data{
		Targets: []*page.Target{{Name: "b", Shape: 1, Vertices: []int{0, 1}}, {Name: "a", Vertices: []int{0, 1}, Results: []int{1}}},
		Vertices: []*page.Vertex{
			{ID: "sha256:base", Kind: "stage", Name: "base", Targets: []int{0, 1}, Steps: []string{"RUN x"}},
			{ID: "sha256:app", Kind: "stage", Name: "app", Targets: []int{0, 1}, Layer: 1, Inputs: []page.Input{{Vertex: 0, Why: "base"}}},
		},
		Sources: map[string][]string{"Dockerfile": {"FROM scratch"}},
	}
}

// The page has what happened on the plan: states, times, and each failure once
// with its place and the last 50 lines.
func TestPage(t *testing.T) {
	rec, k := failedRecord(t, 120)
	d := rec.Page(Beside{Plan: planOf(), Kept: k})
	if want := "orch: 2 of 4 targets failed"; d.Title != want {
		t.Errorf("title %q, want %q", d.Title, want)
	}
	if len(d.Failures) != 1 {
		t.Fatalf("%d failures", len(d.Failures))
	}
	f := d.Failures[0]
	if fmt.Sprint(f.Targets) != "[1 0]" || f.Place != "in stage app for linux/arm64 on arm at Dockerfile:7" || f.Text != "the compiler found an error. exit code: 2. The fault is in what is built, not in the builder." {
		t.Errorf("failure %+v", f)
	}
	if len(f.Log) != 50 || f.Log[49] != "line 120" || !f.Left || len(f.Excerpt) != 2 || !f.Excerpt[1].Marked {
		t.Errorf("shows %d lines to %q, left %v, of the file %+v", len(f.Log), f.Log[len(f.Log)-1], f.Left, f.Excerpt)
	}
	if want := "orch logs a --failed --run " + rec.ID; f.More != want {
		t.Errorf("says %q, want %q", f.More, want)
	}
	a, app, base := d.Targets[1], d.Vertices[1], d.Vertices[0]
	if a.State != "failed" || a.Failure != 1 || !slices.Equal(a.Why, []string{"main.c changed"}) || a.Attempts[0] != (page.Attempt{Start: 1, Seconds: 2, Error: "exit code: 2"}) {
		t.Errorf("target %+v", a)
	}
	if app.State != "failed" || app.Failure != 1 || app.End != 3 || base.State != "cached" || len(app.Inputs) != 1 {
		t.Errorf("vertices %+v, %+v", app, base)
	}
	if c := d.Targets[2]; c.Name != "c" || c.Blocker != 2 || d.Targets[3].Text != "done in an earlier run" {
		t.Errorf("others %+v, %+v", c, d.Targets[3])
	}
	mount := page.Fact{Name: "cache mount", Text: "go-build for linux/amd64 on arm in shard 2: restored (5kB in 1.00s), is not saved: a *** word"}
	if !slices.Contains(d.Facts, mount) {
		t.Errorf("facts %+v, want %+v", d.Facts, mount)
	}
	if s := d.Steps; len(s) != 3 || s[0].State != "cached" || s[1].State != "failed" || s[1].Vertex != 1 || s[2].Vertex != -1 {
		t.Errorf("steps %+v", s)
	}
}

// A record without a plan and without logs, as older versions wrote it, has a page.
func TestPageOfOldRecord(t *testing.T) {
	rec, k := failedRecord(t, 0)
	d := rec.Page(Beside{Kept: k})
	if len(d.Targets) != 4 || len(d.Vertices) != 2 || fmt.Sprint(d.Targets[0].Vertices) != "[0 1]" {
		t.Errorf("%d targets, %d vertices, %v", len(d.Targets), len(d.Vertices), d.Targets[0].Vertices)
	}
	if f := d.Failures[0]; len(f.Log) != 1 || f.Log[0] != "the last of it" {
		t.Errorf("log %q", f.Log)
	}
	old := &Record{}
	if err := json.Unmarshal([]byte(`{"version":1,"id":"x","state":"running","started":"2026-11-21T12:00:00Z","totals":{},
		"targets":[{"name":"a","state":"failed","failure":{"fault":"user","error":"e"}},{"name":"b","state":"blocked","cause":"gone"}],"vertices":[]}`), old); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page.Write(&b, old.Page(Beside{})); err != nil {
		t.Fatal(err)
	}
}

// A plan that is kept comes back, and one from elsewhere cannot do harm.
func TestKeptPlan(t *testing.T) {
	k := Kept{Dir: t.TempDir()}
	if err := savePlan(k.Dir, planOf()); err != nil {
		t.Fatal(err)
	}
	if d := k.Plan(); d == nil || len(d.Targets) != 2 || len(d.Vertices[1].Inputs) != 1 {
		t.Fatalf("came back as %+v", d)
	}
	bad := planOf()
	bad.Targets[0].Vertices, bad.Vertices[0].Targets = []int{99}, []int{-3}
	bad.Vertices[0].Inputs = []page.Input{{Vertex: 1}}
	if err := savePlan(k.Dir, bad); err != nil {
		t.Fatal(err)
	}
	rec, kept := failedRecord(t, 3)
	var b bytes.Buffer
	if err := page.Write(&b, rec.Page(Beside{Plan: k.Plan(), Kept: kept})); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "no gzip"} {
		if err := os.WriteFile(filepath.Join(k.Dir, planName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if k.Plan() != nil {
			t.Errorf("%q is a plan", text)
		}
	}
}

// The page of a run that was killed has what is known: the steps that ran then, up
// to the last thing that was written down.
func TestPageOfKilledRun(t *testing.T) {
	rec, _ := failedRecord(t, 0)
	rec.State, rec.Seconds, rec.Targets = "running", 0, rec.Targets[3:]
	rec.Targets[0].Attempts = []Attempt{{Started: rec.Started, Seconds: 9}}
	rec.Steps[1].Failed, rec.Steps[1].Running, rec.Steps[1].Seconds = false, true, 0
	rec.Vertices[1].Run = 0
	d := rec.Page(Beside{Plan: planOf()})
	if s := d.Steps[1]; d.Run.Seconds != 9 || d.Run.State != "not finished" || s.State != "running" || s.Seconds != 8 || d.Vertices[1].State != "running" {
		t.Errorf("%v s, step %+v, vertex %+v", d.Run.Seconds, s, d.Vertices[1])
	}
}

// What is kept is bounded in number and in size, and the newest run stays.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		run := filepath.Join(dir, fmt.Sprintf("run-%02d", i), "logs")
		if err := os.MkdirAll(run, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(run, "1.log"), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		runs  int
		bytes int64
		want  string
	}{
		{10, 1 << 20, "[run-02 run-03 run-04 run-05 run-06 run-07 run-08 run-09 run-10 run-11]"},
		{10, 3500, "[run-09 run-10 run-11]"},
		{10, 10, "[run-11]"},
	} {
		pruneRuns(dir, c.runs, c.bytes)
		if got := fmt.Sprint(IDs(dir)); got != c.want {
			t.Errorf("%d runs of %d bytes: %s, want %s", c.runs, c.bytes, got, c.want)
		}
	}
}
