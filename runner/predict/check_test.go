package predict

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/runner"
)

// TestFind compares what is found with looking at each step.
func TestFind(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		run := &runner.Report{}
		for range 12 {
			run.Steps = append(run.Steps, randomStep(r))
		}
		found := newRan(run)
		for _, vertex := range []string{"", "v0", "v1", "v2"} {
			for _, target := range []string{"t0", "t1", "t2"} {
				for nth := range 3 {
					own := map[string]bool{vertex: vertex != "", "v0": target == "t0"}
					if got, want := found.find(target, vertex, nth, 2, own), look(run, target, vertex, nth, 2, own); got != want {
						t.Fatalf("seed %d: %s, %q, %d/2: %+v, not %+v", seed, target, vertex, nth, got, want)
					}
				}
			}
		}
	}
}

func randomStep(r *rand.Rand) *runner.StepReport {
	s := &runner.StepReport{
		Label: fmt.Sprintf("build %d/2", 1+r.IntN(2)), Name: []string{"COPY a /", "LINK COPY a /"}[r.IntN(8)/7],
		Cached: r.IntN(2) == 0, Internal: r.IntN(8) == 0,
	}
	if r.IntN(4) > 0 {
		s.Vertex = fmt.Sprint("v", r.IntN(3))
	}
	for range r.IntN(4) {
		s.Targets = append(s.Targets, fmt.Sprint("t", r.IntN(3)))
	}
	return s
}

// look is find without an index.
func look(run *runner.Report, target, vertex string, nth, of int, own map[string]bool) *runner.StepReport {
	var same, found *runner.StepReport
	several := 0
	for _, s := range run.Steps {
		switch {
		case nth == 0 || s.Internal || strings.HasPrefix(s.Name, "LINK ") || !strings.HasSuffix(s.Label, fmt.Sprintf(" %d/%d", nth, of)):
		case s.Vertex == vertex && vertex != "":
			if found == nil || !s.Cached {
				found = s
			}
		case slices.Contains(s.Targets, target):
			same = s
			several++
		}
	}
	if found == nil && several == 1 && !own[same.Vertex] {
		return same
	}
	return found
}

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

// TestCheckShared has a step that two targets share: it is shown for a stage of the
// first, and no step of another stage of the second is taken for it.
func TestCheckShared(t *testing.T) {
	done := time.Unix(1, 0)
	step := func(vertex, label string, cached bool, targets ...string) *runner.StepReport {
		return &runner.StepReport{Vertex: vertex, Label: label, Cached: cached, Targets: targets, Finished: done}
	}
	run := &runner.Report{Steps: []*runner.StepReport{
		step("first", "s0 1/2", true, "a", "b"), step("second", "s2 1/3", false, "b"),
	}}
	e := &explain.Explanation{Targets: []*explain.Target{
		{Name: "a", Steps: []*explain.Step{{Vertex: "first", Nth: 1, Of: 2, Key: "shell", Will: explain.Cached}}},
		{Name: "b", Steps: []*explain.Step{
			{Vertex: "other", Nth: 1, Of: 3, Key: "shell", Will: explain.Cached},
			{Vertex: "second", Nth: 1, Of: 3, Key: "own", Will: explain.Run},
		}},
	}}
	Check(e, run, Run{Alone: true})
	if len(e.Wrong) > 0 {
		t.Errorf("%+v", e.Wrong)
	}
}
