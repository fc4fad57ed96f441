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
	place    map[*planner.Vertex]int
	took     map[*planner.Vertex]*runner.VertexReport
	steps    []*runner.StepReport
	transfer runner.Transfer
	started  time.Time
	finished time.Time
	rounds   int
}

func newReviver() *reviver {
	return &reviver{byID: map[string]*planner.Vertex{}, place: map[*planner.Vertex]int{}, took: map[*planner.Vertex]*runner.VertexReport{}}
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
	for _, v := range rec.Vertices {
		rv.join(v)
	}
	for _, s := range rec.Steps {
		rv.steps = append(rv.steps, &runner.StepReport{
			Name: s.Name, Label: s.Label, Stage: s.Stage, Vertex: s.Vertex, Targets: s.Targets, Builder: s.Builder, Started: s.Started,
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
		v = &planner.Vertex{ID: r.ID, Name: r.Name, Platform: r.Platform, Kind: kindOf(r.Kind)}
		rv.byID[r.ID] = v
		rv.place[v] = len(rv.vertices)
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
	// The time is that of the shard that built it, and took the longest: others only
	// read it, maybe much later.
	took, ran := seconds(r.Seconds), r.Run > 0
	if had := have.Steps.Run > 0; have.Started.IsZero() || ran && !had || ran == had && took > have.Took {
		have.Started, have.Finished, have.Took = r.Started, r.Started.Add(took), took
	}
	have.Steps.Run += r.Run
	have.Steps.Cached += r.Hits
}

// join enters what is built on what. A vertex comes after its inputs; what a record
// says against that is left out.
func (rv *reviver) join(r *record.Vertex) {
	v := rv.byID[r.ID]
	for _, in := range r.Inputs {
		from := rv.byID[in.Vertex]
		if from == nil || rv.place[from] >= rv.place[v] || slices.ContainsFunc(v.Inputs, func(e planner.Edge) bool { return e.From == from }) {
			continue
		}
		v.Inputs = append(v.Inputs, planner.Edge{From: from, Why: edgeKind(in.Why)})
	}
}

// edgeKind is a reason of an input by its word.
func edgeKind(word string) planner.EdgeKind {
	for _, kind := range []planner.EdgeKind{planner.Base, planner.Copy, planner.Mount} {
		if kind.String() == word {
			return kind
		}
	}
	return planner.Context
}

// kindOf is a kind of vertex by its word. Old records have none, and only stages
// matter in them.
func kindOf(word string) planner.Kind {
	for _, kind := range []planner.Kind{planner.Image, planner.LocalContext, planner.RemoteContext, planner.Opaque, planner.Scratch} {
		if kind.String() == word {
			return kind
		}
	}
	return planner.Stage
}

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

// endsOf are the vertices that a target ends in; of an old record, all that the
// builder has reported of it.
func (rv *reviver) endsOf(t *record.Target) []*planner.Vertex {
	var out []*planner.Vertex
	for _, id := range t.Ends {
		if v := rv.byID[id]; v != nil {
			out = append(out, v)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, s := range t.Stages {
		if v := rv.byID[s.Vertex]; v != nil {
			out = append(out, v)
		}
	}
	return out
}
