package report

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

func summaryOf(fault error, targets ...*runner.TargetReport) string {
	started := time.Unix(1, 0)
	run := &runner.Report{
		Plan: &planner.Plan{Graph: &planner.Graph{}}, Builder: "2 shards", Targets: targets, Started: started, Finished: started.Add(3 * time.Second),
	}
	p := &Printer{Getenv: func(name string) string { return map[string]string{"GITHUB_ACTIONS": "true"}[name] },
		Mask: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }, Run: run}
	return string(p.Summary(fault))
}

func failedTarget(name, log string) *runner.TargetReport {
	build := &planner.Build{Target: &config.Target{Name: name}, Wanted: true}
	return &runner.TargetReport{Build: build, State: runner.Failed, Err: &runner.Failure{
		Target: name, File: "Dockerfile", Line: 3, ExitCode: 1, Err: errors.New("no"), Log: strings.Split(log, "\n"),
		Excerpt: []runner.ExcerptLine{{Number: 3, Text: "RUN make", Marked: true}},
	}}
}

func TestSummary(t *testing.T) {
	good := doneTarget("a_b", &runner.Result{Steps: runner.Steps{Run: 1}, Outputs: []runner.Output{{Type: "local", Where: "out|<b>"}}})
	got := summaryOf(nil, good)
	for _, want := range []string{"### orch: 1 target in 3.00s on 2 shards\n", "| TARGET | RESULT |", "| a\\_b | built | 40s |", "out\\|&lt;b&gt; |\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = summaryOf(errors.New("shard 2/2 is missing hunter2"), good, failedTarget("c", "the log\n``` of make hunter2"))
	for _, want := range []string{"### orch: 1 of 2 targets in 3.00s", "| c | failed |", "RUN make", "  the log\n", "\n````\n", "shard 2/2 is missing ***"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") || strings.Contains(got, "::error") || strings.Contains(got, "\x1b") {
		t.Errorf("got\n%s", got)
	}
}

// Mounts of one ID are told apart by what they differ in.
func TestMountTexts(t *testing.T) {
	moved := runner.MountTransfer{Bytes: 12_000_000, Took: 2 * time.Second}
	run := &runner.Report{Mounts: []*runner.MountReport{
		{ID: "go", Platform: "linux/amd64", State: runner.MountRestored, Restored: moved, Saved: moved, Shard: 1},
		{ID: "go", Platform: "linux/amd64", State: runner.MountWarm, Unchanged: true, Shard: 2},
		{ID: "go", Platform: "linux/arm64", State: runner.MountCold, Builder: "arm"},
		{ID: "npm", Platform: "linux/amd64", State: runner.MountCold, Saved: moved, Unused: 1},
		{ID: "pip", Platform: "linux/amd64", State: runner.MountWarm, NotSaved: true},
	}}
	var got strings.Builder
	printMounts(&got, run, 1000)
	want := "Cache mounts: go (linux/amd64, shard 1) restored (12MB in 2.00s), saved (12MB in 2.00s); " +
		"go (linux/amd64, shard 2) warm, unchanged; go (linux/arm64, arm) cold; npm cold, saved (12MB in 2.00s), without 1 unused file; pip warm, not saved\n"
	if got.String() != want {
		t.Errorf("got  %swant %s", got.String(), want)
	}
}

// A summary has a limit, and what has failed is in it.
func TestSummaryOfMany(t *testing.T) {
	var targets []*runner.TargetReport
	for i := range 2 * maxRows {
		targets = append(targets, doneTarget(fmt.Sprint("t", i), &runner.Result{}))
	}
	targets = append(targets, failedTarget("last", strings.Repeat("x", 2*maxBlock)))
	got := summaryOf(nil, targets...)
	if !strings.Contains(got, "| last | failed |") || !strings.Contains(got, fmt.Sprintf("and %d targets more", maxRows+1)) || len(got) > 1<<20 {
		t.Errorf("%d bytes: %.200s", len(got), got)
	}
}

// What is pushed without its tag did not go to the tag, and a file is where it
// was written.
func TestWentTo(t *testing.T) {
	for _, tt := range []struct {
		res  runner.Result
		want string
	}{
		{runner.Result{Outputs: []runner.Output{{Type: "registry", Where: "r:5000/app:1,r:5000/app:2"}}}, "r:5000/app:1,r:5000/app:2"},
		{runner.Result{
			Outputs:     []runner.Output{{Type: "registry", Where: "r:5000/app:1,r:5000/app:2"}},
			Unpublished: []runner.Tag{{Name: "r:5000/app:1"}, {Name: "r:5000/app:2"}},
		}, "r:5000/app (by digest)"},
		{runner.Result{
			Outputs:     []runner.Output{{Type: "image", Where: "app, far/app:2"}, {Type: "local", Where: "out"}},
			Unpublished: []runner.Tag{{Name: "docker.io/library/app:latest"}},
		}, "app (by digest),  far/app:2, out"},
		{runner.Result{Outputs: []runner.Output{{Type: "local", Where: "out", Job: "shard 2/3"}}}, "out (in the job of shard 2/3)"},
	} {
		if got := wentTo(doneTarget("a", &tt.res)); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(tt.want), " ") {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
