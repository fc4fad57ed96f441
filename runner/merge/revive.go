package merge

import (
	"slices"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// reviver makes the stages and steps of records into those of a report.
type reviver struct {
	vertices []*planner.Vertex
	byID     map[string]*planner.Vertex
	took     map[*planner.Vertex]*runner.VertexReport
	steps    []*runner.StepReport
	transfer runner.Transfer
	started  time.Time
	finished time.Time
	rounds   int
}

func newReviver() *reviver {
	return &reviver{byID: map[string]*planner.Vertex{}, took: map[*planner.Vertex]*runner.VertexReport{}}
}

// Report makes a report of one record, as far as the times of its stages are
// concerned.
func Report(rec *record.Record) *runner.Report {
	rv := newReviver()
	rv.add(rec)
	out := &runner.Report{
		Plan:    &planner.Plan{Graph: &planner.Graph{Vertices: rv.vertices}},
		Started: rec.Started, Finished: rec.Finished, Vertices: rv.reports(), Steps: rv.steps,
	}
	for _, t := range rec.Targets {
		out.Targets = append(out.Targets, &runner.TargetReport{
			Build: &planner.Build{Target: &config.Target{Name: t.Name}, Wanted: t.Wanted},
			State: t.State, Took: seconds(t.Running + t.Exporting), Exporting: seconds(t.Exporting),
		})
	}
	return out
}

// add takes a record in. A stage that several shards have is one; what they ran
// of it adds up.
func (rv *reviver) add(rec *record.Record) {
	for _, v := range rec.Vertices {
		rv.vertex(v)
	}
	rv.chain(rec.Totals.Critical)
	for _, s := range rec.Steps {
		rv.steps = append(rv.steps, &runner.StepReport{
			Name: s.Name, Label: s.Label, Stage: s.Stage, Vertex: s.Vertex, Targets: s.Targets, Started: s.Started,
			Finished: s.Started.Add(seconds(s.Seconds)), Took: seconds(s.Seconds), Cached: s.Cached, Failed: s.Failed,
		})
	}
	slices.SortStableFunc(rv.steps, func(a, b *runner.StepReport) int { return a.Started.Compare(b.Started) })
	rv.transfer.Sent += rec.Totals.BytesSent
	rv.transfer.Pushed += rec.Totals.BytesPushed
	rv.transfer.CacheRead += rec.Totals.CacheRead
	rv.transfer.CacheWritten += rec.Totals.CacheWritten
	rv.rounds = max(rv.rounds, rec.Rounds)
	if rv.started.IsZero() || rec.Started.Before(rv.started) {
		rv.started = rec.Started
	}
	if rec.Finished.After(rv.finished) {
		rv.finished = rec.Finished
	}
}

func (rv *reviver) vertex(r *record.Vertex) {
	v := rv.byID[r.ID]
	if v == nil {
		v = &planner.Vertex{ID: r.ID, Name: r.Name, Platform: r.Platform, Kind: planner.Stage}
		rv.byID[r.ID] = v
		rv.vertices = append(rv.vertices, v)
	}
	for _, name := range r.Targets {
		if !slices.Contains(v.Targets, name) {
			v.Targets = append(v.Targets, name)
		}
	}
	if r.Run+r.Hits == 0 && r.Started.IsZero() {
		return
	}
	have := rv.took[v]
	if have == nil {
		have = &runner.VertexReport{Vertex: v}
		rv.took[v] = have
	}
	if have.Started.IsZero() || r.Started.Before(have.Started) {
		have.Started = r.Started
	}
	if end := r.Started.Add(seconds(r.Seconds)); end.After(have.Finished) {
		have.Finished = end
	}
	have.Took = max(have.Took, seconds(r.Seconds))
	have.Steps.Run += r.Run
	have.Steps.Cached += r.Hits
}

// chain joins the stages of a critical path: records do not say more of what is
// built on what.
func (rv *reviver) chain(ids []string) {
	var before *planner.Vertex
	for _, id := range ids {
		v := rv.byID[id]
		if v == nil {
			continue
		}
		if before != nil && rv.index(before) < rv.index(v) {
			v.Inputs = append(v.Inputs, planner.Edge{From: before})
		}
		before = v
	}
}

func (rv *reviver) index(v *planner.Vertex) int { return slices.Index(rv.vertices, v) }

// reports are the stages of which something is known, in the order of the graph.
func (rv *reviver) reports() []*runner.VertexReport {
	var out []*runner.VertexReport
	for _, v := range rv.vertices {
		if r := rv.took[v]; r != nil {
			out = append(out, r)
		}
	}
	return out
}

// stagesOf are the stages that a target was built from.
func (rv *reviver) stagesOf(t *record.Target) []*planner.Vertex {
	var out []*planner.Vertex
	for _, s := range t.Stages {
		if v := rv.byID[s.Vertex]; v != nil {
			out = append(out, v)
		}
	}
	return out
}
