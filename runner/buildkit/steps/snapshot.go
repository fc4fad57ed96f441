package steps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// send is a step as it is now, which is about to be sent.
func (t *Tracker) send(s *step) *runner.Step {
	s.sent = t.snapshot(s)
	return s.sent
}

// snapshot is a step as it is now.
func (t *Tracker) snapshot(s *step) *runner.Step {
	out := &runner.Step{
		ID: string(s.id), Number: s.number, Name: s.name, Text: s.text, Label: s.label, Title: t.title(s),
		Targets: s.targets, Vertices: s.vertices, Internal: s.internal(), Unrecorded: s.test,
		Started: s.start, Finished: s.end, Began: s.begun, Took: s.spent,
		Done: s.completed, Cached: s.cached, Error: s.failed, Log: s.logName,
	}
	s.count(&out.Count)
	s.transfer(&out.Transfer, t.caches)
	return out
}

// changed says whether a step has become known better since it was last sent,
// in what no status says.
func (s *step) changed(now *runner.Step) bool {
	return s.sent == nil || !slices.Equal(now.Vertices, s.sent.Vertices) || now.Log != s.sent.Log || now.Count != s.sent.Count
}

// shownName is the name of a step of a Dockerfile with its targets in front;
// others have their own.
func (t *Tracker) shownName(s *step) string {
	switch {
	case s.label == "":
		return s.name
	case !t.several():
		return "[" + s.label + "] " + s.text
	}
	return "[" + joinTargets(s.targets) + ": " + s.label + "] " + s.text
}

// title is the name that is shown of a step, with the targets in front whatever
// it is.
func (t *Tracker) title(s *step) string {
	name := t.shownName(s)
	if s.label == "" && len(s.targets) == 1 && t.several() {
		return "[" + s.targets[0] + "] " + name
	}
	return name
}

// joinTargets names up to three targets, and counts them if there are more.
func joinTargets(targets []string) string {
	if len(targets) > 3 {
		return fmt.Sprintf("%d targets", len(targets))
	}
	return strings.Join(targets, "+")
}

// Platform is what the steps of some stages are for, or "" if that is not one.
func Platform(vertices []*planner.Vertex) string {
	if len(vertices) == 0 {
		return ""
	}
	for _, v := range vertices {
		if v.Platform != vertices[0].Platform {
			return ""
		}
	}
	return vertices[0].Platform
}
