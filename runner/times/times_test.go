package times

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

func vertex(id, name string, runs int, targets ...string) *planner.Vertex {
	v := &planner.Vertex{ID: id, Name: name, Platform: "linux/amd64", Targets: targets}
	for range runs {
		v.Steps = append(v.Steps, planner.Step{Text: "RUN x"})
	}
	return v
}

func report(took time.Duration, steps runner.Steps, v *planner.Vertex) *runner.Report {
	b := &planner.Build{Target: &config.Target{Name: v.Targets[0]}}
	return &runner.Report{
		Finished: time.Now(),
		Targets:  []*runner.TargetReport{{Build: b, State: runner.Done, Exporting: 3 * time.Second}},
		Vertices: []*runner.VertexReport{{Vertex: v, Took: took, Steps: steps}},
	}
}

func TestBook(t *testing.T) {
	dir := t.TempDir()
	app := vertex("1", "build", 2, "app")
	note := func(r *runner.Report) bool {
		book := Load(dir)
		changed := book.Note(r)
		if err := book.Save(dir); err != nil {
			t.Fatal(err)
		}
		return changed
	}
	expect := func(when string, v *planner.Vertex, want time.Duration) {
		t.Helper()
		if got := Load(dir).Times().Vertex(v); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	expect("nothing known", app, 2*time.Second)
	if !note(report(8*time.Second, runner.Steps{Run: 2}, app)) {
		t.Error("nothing was noted")
	}
	expect("as it was", app, 8*time.Second)
	expect("changed", vertex("2", "build", 5, "app"), 8*time.Second)
	expect("of another target", vertex("3", "build", 5, "other"), 8*time.Second)
	expect("by its steps", vertex("4", "test", 5, "app"), 20*time.Second)
	note(report(time.Second, runner.Steps{Run: 1, Cached: 1}, app))
	expect("partly cached", app, 8*time.Second)
	note(report(9*time.Second, runner.Steps{Run: 1, Cached: 1}, app))
	expect("partly cached, and slower", app, 9*time.Second)
	note(report(time.Second, runner.Steps{Run: 2}, app))
	expect("faster", app, time.Second)
	failed := report(time.Minute, runner.Steps{Run: 1}, app)
	failed.Targets[0].State = runner.Failed
	if note(failed) {
		t.Error("a failure was noted")
	}
	b := &planner.Build{Target: &config.Target{Name: "app"}}
	if got := Load(dir).Times().Export(b); got != 3*time.Second {
		t.Errorf("outputs take %s", got)
	}
}

// The file does not grow with each change of a definition.
func TestBookStaysSmall(t *testing.T) {
	dir := t.TempDir()
	book := Load(dir)
	for i := range 50 {
		r := report(time.Second, runner.Steps{Run: 1}, vertex(time.Duration(i).String(), "build", 1, "app"))
		r.Finished = time.Unix(int64(i), 0)
		book.Note(r)
	}
	if err := book.Save(dir); err != nil {
		t.Fatal(err)
	}
	if book = Load(dir); len(book.byID) != maxAlike || book.byID["49ns"].Steps != 1 {
		t.Errorf("%d entries are kept: %v", len(book.byID), book.byID)
	}
}

// Whatever the file holds, it stops nothing.
func TestBookDamaged(t *testing.T) {
	for _, data := range []string{"", "{", "null", "[]", `{"version":99,"entries":[{"id":"1","seconds":5}]}`, `{"version":1,"entries":[{"seconds":"x"}]}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := Load(dir).Of(vertex("1", "build", 1, "app")); ok {
			t.Errorf("%q is known", data)
		}
		if err := Load(dir).Save(dir); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	}
	if err := Load(t.TempDir()).Save(filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("a book was saved where no folder is")
	}
}
