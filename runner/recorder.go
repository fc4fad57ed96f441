package runner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
)

// recorder keeps what the events of a run say of its steps. Only the goroutine
// of Run uses it.
type recorder struct {
	steps map[string]*Step // by their IDs
}

// step takes the latest state of a step.
func (r *recorder) step(s *Step) {
	if s.Unrecorded {
		return
	}
	if r.steps == nil {
		r.steps = map[string]*Step{}
	}
	r.steps[s.ID] = s
}

// fill writes what is known of the steps into the report.
func (r *recorder) fill(report *Report) {
	report.Steps, report.Vertices, report.Transfer = nil, nil, Transfer{}
	byVertex := map[*planner.Vertex]*VertexReport{}
	order := slices.SortedFunc(maps.Values(r.steps), func(a, b *Step) int { return a.Number - b.Number })
	for _, s := range order {
		report.Transfer.add(s.Transfer)
		if s.Started.IsZero() {
			continue
		}
		report.Steps = append(report.Steps, s.report())
		if !s.Done {
			continue
		}
		for _, v := range s.Vertices {
			if byVertex[v] == nil {
				byVertex[v] = &VertexReport{Vertex: v}
			}
			byVertex[v].add(s)
		}
	}
	for _, v := range report.Plan.Graph.Vertices {
		if known := byVertex[v]; known != nil {
			report.Vertices = append(report.Vertices, known)
		}
	}
	slices.SortStableFunc(report.Steps, func(a, b *StepReport) int { return a.Started.Compare(b.Started) })
}

// report is the step as a report has it.
func (s *Step) report() *StepReport {
	r := &StepReport{
		Number: s.Number,
		Name:   cmp.Or(s.Text, s.Name), Label: s.Label, Targets: s.Targets, Builder: s.Builder, Internal: s.Internal,
		Started: s.Started, Finished: s.Finished, Took: s.Took,
		Cached: s.Cached, Failed: s.Error != "" && !s.Canceled(),
		Running: !s.Done, Log: s.Log,
	}
	if len(s.Vertices) > 0 {
		r.Stage, r.Vertex = s.Vertices[0].Name, s.Vertices[0].ID
	}
	return r
}

// Canceled reports whether the step was ended from outside.
func (s *Step) Canceled() bool { return strings.HasSuffix(s.Error, "context canceled") }

// add adds a step to what its stage took.
func (v *VertexReport) add(s *Step) {
	if v.Started.IsZero() || s.Started.Before(v.Started) {
		v.Started = s.Started
	}
	if s.Finished.After(v.Finished) {
		v.Finished = s.Finished
	}
	v.Took += s.Took
	v.Steps.add(s.Count)
}

// add adds other steps.
func (n *Steps) add(o Steps) {
	n.Run += o.Run
	n.Cached += o.Cached
}

// add adds what else was moved.
func (t *Transfer) add(o Transfer) {
	t.Sent += o.Sent
	t.Pushed += o.Pushed
	t.CacheRead += o.CacheRead
	t.CacheWritten += o.CacheWritten
}

// record brings the report up to date with an event.
func (r *run) record(e Event) {
	switch e := e.(type) {
	case StepStarted:
		r.recorder.step(e.Step)
	case StepChanged:
		r.recorder.step(e.Step)
	case StepFinished:
		r.recorder.step(e.Step)
	case Warning:
		if r.opt.Warnings {
			r.report.Warnings = append(r.report.Warnings, e.Record)
		}
	case Measured:
		if t := r.jobs[e.Build].report; t.Result != nil {
			t.Result.Steps, t.Result.ImageSize = e.Steps, e.ImageSize
			t.Result.BuildStage, t.Result.BuildStageSize = e.BuildStage, e.BuildStageSize
		}
	case MountUsed:
		r.report.addMount(e.MountReport)
	case ContextChanges:
		r.report.Changed = e
	}
}
