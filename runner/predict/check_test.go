package predict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
)

// Two runs at once keep what each of them has met.
func TestTogether(t *testing.T) {
	state := t.TempDir()
	a, b := OpenImages(state), OpenImages(state)
	a.Meet("alpine", "sha256:a")
	b.Meet("busybox", "sha256:b")
	a.Save()
	b.Save()
	if m := OpenImages(state); m.Seen("alpine") != "sha256:a" || m.Seen("busybox") != "sha256:b" {
		t.Errorf("remembered are %v", m.digests)
	}
	x, y := OpenBook(state, "ci"), OpenBook(state, "ci")
	x.noted, y.noted = []entry{{Key: "x", Class: "x"}}, []entry{{Key: "y", Class: "y"}}
	if err := errors.Join(x.Save(), y.Save()); err != nil {
		t.Fatal(err)
	}
	if book := OpenBook(state, "ci"); !book.Has("x") || !book.Has("y") {
		t.Errorf("known are %v", book.entries)
	}
}

// A step that two targets share is shown for the first, and both have run it: a later
// change of the second is compared with what it is there.
func TestNoteShared(t *testing.T) {
	of := func(vertex, own, class string) *facts.Target {
		return &facts.Target{Platforms: []facts.Platform{{Steps: []facts.Step{
			{Instruction: -1, Vertex: vertex, Nth: 1, Of: 2, Key: "equal", Own: own, Class: class},
			{Instruction: -1, Vertex: vertex, Nth: 2, Of: 2, Key: "last of " + vertex, Class: "last"},
		}}}}
	}
	target := func(name string, state runner.State) *runner.TargetReport {
		return &runner.TargetReport{Build: &planner.Build{Target: &config.Target{Name: name}}, State: state}
	}
	for _, state := range []runner.State{runner.Done, runner.Canceled} {
		b := OpenBook(t.TempDir(), "ci")
		b.Note(&facts.Snapshot{Targets: map[string]*facts.Target{"a": of("va", "own a", "class a"), "b": of("vb", "own b", "class b")}}, &runner.Report{
			Targets: []*runner.TargetReport{target("a", runner.Done), target("b", state)},
			Steps:   []*runner.StepReport{{Vertex: "va", Label: "s0 1/2", Took: time.Second, Finished: time.Unix(1, 0), Targets: []string{"a", "b"}}},
		})
		if !b.Has("equal") || !b.HasClass("class a") || !b.HasClass("class b") {
			t.Errorf("%s: not noted for both: %+v", state, b.entries)
		}
		if !b.Has("last of va") || b.Has("last of vb") != (state == runner.Done) {
			t.Errorf("%s: the last steps are noted wrongly: %+v", state, b.entries)
		}
	}
}

// TestCheck compares predictions with what ran.
func TestCheck(t *testing.T) {
	done := time.Unix(1, 0)
	step := func(vertex, label string, cached bool, targets ...string) *runner.StepReport {
		return &runner.StepReport{Vertex: vertex, Label: label, Cached: cached, Targets: targets, Finished: done}
	}
	predicted := func(key, will, vertex string, nth, of int) *explain.Step {
		return &explain.Step{Key: key, Will: will, Vertex: vertex, Nth: nth, Of: of}
	}
	link := step("v", "s0 1/2", false, "a")
	link.Name = "LINK COPY --link a /"
	internal := step("v", "s0 1/2", false, "a")
	internal.Internal = true
	failed := step("v", "s0 1/2", false, "a")
	failed.Failed = true
	tests := []struct {
		name    string
		steps   []*runner.StepReport
		targets []*explain.Target
		wrong   string
	}{
		{"as predicted",
			[]*runner.StepReport{step("v", "s0 1/2", true, "a"), step("v", "s0 2/2", false, "a")},
			[]*explain.Target{{Name: "a", Steps: []*explain.Step{predicted("x", explain.Cached, "v", 1, 2), predicted("y", explain.Run, "v", 2, 2)}}},
			""},
		{"ran",
			[]*runner.StepReport{step("v", "s0 1/2", false, "a"), step("v", "s0 2/2", true, "a")},
			[]*explain.Target{{Name: "a", Steps: []*explain.Step{predicted("x", explain.Cached, "v", 1, 2), predicted("y", explain.Cached, "v", 2, 2)}}},
			"a 1/2 run"},
		{"several operations, of which one ran",
			[]*runner.StepReport{step("v", "s0 1/2", false, "a"), step("v", "s0 1/2", true, "a"), step("v", "s0 2/2", true, "a")},
			[]*explain.Target{{Name: "a", Steps: []*explain.Step{predicted("x", explain.Run, "v", 1, 2), predicted("y", explain.Run, "v", 2, 2)}}},
			"a 2/2 cached"},
		{"nothing that says it", []*runner.StepReport{link, internal, failed},
			[]*explain.Target{{Name: "a", Steps: []*explain.Step{predicted("x", explain.Cached, "v", 1, 2)}}},
			""},
		// It is shown for the first target, and no step of another stage of the
		// second is taken for it.
		{"shared",
			[]*runner.StepReport{step("first", "s0 1/2", true, "a", "b"), step("second", "s2 1/3", false, "b")},
			[]*explain.Target{
				{Name: "a", Steps: []*explain.Step{predicted("shell", explain.Cached, "first", 1, 2)}},
				{Name: "b", Steps: []*explain.Step{predicted("shell", explain.Cached, "other", 1, 3), predicted("own", explain.Run, "second", 1, 3)}},
			}, ""},
		// The third target's stage s2 is shown for the second, and has the same number
		// of steps as the stage whose step is shown for the first.
		{"shared twice",
			[]*runner.StepReport{step("first", "s0 1/5", true, "a", "b", "c"), step("s2 of b", "s2 1/3", false, "b", "c")},
			[]*explain.Target{
				{Name: "a", Steps: []*explain.Step{predicted("shell", explain.Cached, "first", 1, 5)}},
				{Name: "b", Steps: []*explain.Step{predicted("shell", explain.Cached, "s0 of b", 1, 3), predicted("own", explain.Run, "s2 of b", 1, 3)}},
				{Name: "c", Steps: []*explain.Step{predicted("shell", explain.Cached, "s0 of c", 1, 3), predicted("own", explain.Run, "s2 of c", 1, 3)}},
			}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &explain.Explanation{Targets: tt.targets}
			Check(e, &runner.Report{Steps: tt.steps}, Run{Alone: true})
			var wrong []string
			for _, w := range e.Wrong {
				wrong = append(wrong, w.Target+" "+w.Step+" "+w.Was)
			}
			if got := strings.Join(wrong, ", "); got != tt.wrong {
				t.Errorf("wrong: %q, want %q", got, tt.wrong)
			}
		})
	}
}
