package predict

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
)

// TestUnchangedSnapshot writes the snapshot of a run once, as long as it says the
// same, and knows of each run when it was and what it has built.
func TestUnchangedSnapshot(t *testing.T) {
	r := Runs{t.TempDir()}
	snapshot := func(sum, commit string) *facts.Snapshot {
		return &facts.Snapshot{
			Version: facts.Version, Commit: commit, Targets: map[string]*facts.Target{"a": {Image: sum}, "b": {Image: "b"}},
			Selections: []facts.Selection{{Sum: sum, Files: []facts.File{{Path: "f", Sum: sum}}}},
		}
	}
	run := func(hour int, built string) *runner.Report {
		target := &runner.TargetReport{Build: &planner.Build{Target: &config.Target{Name: built}}, State: runner.Done}
		return &runner.Report{Started: time.Unix(int64(hour)*3600, 0), Builder: "here", Targets: []*runner.TargetReport{target}}
	}
	var files []os.FileInfo
	for i, one := range []struct{ id, sum, built string }{{"1", "x", "a"}, {"2", "x", "b"}, {"3", "y", "a"}, {"4", "x", "b"}} {
		dir := filepath.Join(r.dir, one.id)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := r.SaveSnapshot(dir, snapshot(one.sum, "commit "+one.id), run(i, one.built)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, snapshotName))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, info)
	}
	for i, same := range []bool{true, true, false, true} {
		if os.SameFile(files[0], files[i]) != same {
			t.Errorf("run %d has the file of the first one: %v", i+1, !same)
		}
	}
	// What is the same now need not be read.
	if err := os.WriteFile(filepath.Join(r.dir, "4", snapshotName), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := r.Explain(snapshot("x", "now"), []string{"a", "b"}, nil)
	for i, want := range []struct{ run, change, commit string }{{"3", explain.Changed, "commit 3"}, {"4", explain.Same, "commit 4"}} {
		got := x.Targets[i]
		if got.Against.ID != want.run || got.Change != want.change || got.Against.Commit != want.commit {
			t.Errorf("%s is %s since the run %s of %s", got.Name, got.Change, got.Against.ID, got.Against.Commit)
		}
	}
	if e := r.Open("3"); e == nil || e.Builder != "here" || e.Against.Time.Hour() != time.Unix(7200, 0).Hour() || e.Snapshot.Targets["a"].Image != "y" {
		t.Errorf("run 3 is %+v", e)
	}
	if r.Open("4") != nil {
		t.Error("a damaged snapshot was read")
	}
}
