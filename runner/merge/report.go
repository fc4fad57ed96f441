package merge

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// part is what one shard has of a target.
type part struct {
	*record.Target
	piece *record.Part // nil of a target that is only linked to
	from  *Result
}

// Merged is the report of all shards, with what is left to do for it.
type Merged struct {
	Report *runner.Report
	// Definitions are the digests of how targets are defined.
	Definitions map[string]string

	parts  map[string][]part
	gone   map[string]*runner.TargetReport // those of which no shard has anything
	splits []*split
	again  func(shard int) string // the command that runs a shard
}

// split is a target whose platforms were built apart.
type split struct {
	report *runner.TargetReport
	all    []string
	parts  []part
}

// Merge makes one report of the results. A target of which a part is missing or
// has failed is not done.
func (s *Set) Merge() *Merged {
	m := &Merged{Report: &runner.Report{}, Definitions: map[string]string{}, parts: map[string][]part{}, again: s.again}
	var order []string
	ranks := map[string]int{}
	for _, r := range s.Results {
		order = append(order, m.collect(r, ranks)...)
	}
	order = append(order, m.absent(s.plan, ranks)...)
	rv := newReviver()
	for _, r := range s.Results {
		rv.add(r.Record)
		for _, mount := range r.Mounts {
			one := mount.Report()
			one.Shard = r.Shard.Index
			m.Report.Mounts = append(m.Report.Mounts, one)
		}
	}
	m.Report.Plan = &planner.Plan{Graph: &planner.Graph{Vertices: rv.vertices}}
	m.Report.Vertices, m.Report.Steps, m.Report.Transfer = rv.reports(), rv.steps, rv.transfer
	m.Report.Started, m.Report.Finished, m.Report.Rounds = rv.started, rv.finished, rv.rounds
	m.Report.Builder = builders(s.Results)
	slices.SortStableFunc(order, func(a, b string) int { return ranks[a] - ranks[b] })
	for _, name := range order {
		t := m.gone[name]
		if t == nil {
			t = m.target(name, rv)
		}
		m.Report.Plan.Builds = append(m.Report.Plan.Builds, t.Build)
		m.Report.Targets = append(m.Report.Targets, t)
	}
	m.link()
	return m
}

// link enters which targets are built on others.
func (m *Merged) link() {
	builds := map[string]*planner.Build{}
	for _, b := range m.Report.Plan.Builds {
		builds[b.Name()] = b
	}
	for _, b := range m.Report.Plan.Builds {
		for _, p := range m.parts[b.Name()] {
			for _, name := range p.After {
				if on := builds[name]; on != nil && on != b && !slices.Contains(b.Inputs, on) {
					b.Inputs = append(b.Inputs, on)
				}
			}
		}
	}
}

// Inputs are the digests of what a target was made of, and why it was built: as the
// first shard that says something of it.
func (m *Merged) Inputs(target string) (*record.Inputs, []string) {
	for _, p := range m.parts[target] {
		if p.Target.Inputs != nil || len(p.Why) > 0 {
			return p.Target.Inputs, p.Why
		}
	}
	return nil, nil
}

// collect takes the targets of a result, and returns the names of those that are
// new.
func (m *Merged) collect(r *Result, ranks map[string]int) []string {
	if r.Shard.Index == 0 {
		return nil // stages, not targets
	}
	pieces := map[string]*record.Part{}
	for i := range r.Shard.Parts {
		pieces[r.Shard.Parts[i].Target] = &r.Shard.Parts[i]
	}
	var names []string
	for _, t := range r.Targets {
		if _, ok := m.parts[t.Name]; !ok {
			names = append(names, t.Name)
			ranks[t.Name] = r.Shard.Ranks[t.Name]
		}
		m.parts[t.Name] = append(m.parts[t.Name], part{t, pieces[t.Name], r})
		if t.Definition != "" {
			m.Definitions[t.Name] = t.Definition
		}
	}
	return names
}

// absent makes reports of the targets of a plan of which no result says anything,
// and returns their names. The shards that were to build them are missing.
func (m *Merged) absent(plan *shard.File, ranks map[string]int) []string {
	if plan == nil {
		return nil
	}
	m.gone = map[string]*runner.TargetReport{}
	var names []string
	for _, t := range plan.Targets {
		if _, ok := m.parts[t.Name]; ok {
			continue
		}
		names = append(names, t.Name)
		ranks[t.Name] = slices.Index(plan.Order, t.Name)
		m.gone[t.Name] = &runner.TargetReport{
			Build: &planner.Build{Target: &config.Target{Name: t.Name, Tags: t.Tags}, Wanted: true},
			State: runner.Canceled, Err: errors.New("the shard that builds it is missing"),
		}
	}
	return names
}

// builders names where the shards ran.
func builders(results []*Result) string {
	n := 0
	for _, r := range results {
		if r.Shard.Index > 0 {
			n++
		}
	}
	return termtext.Count(n, "shard")
}

// target makes one report of the parts of a target.
func (m *Merged) target(name string, rv *reviver) *runner.TargetReport {
	parts := m.parts[name]
	first := parts[0]
	t := &runner.TargetReport{Build: &planner.Build{
		Target: &config.Target{Name: name, Tags: first.Tags, Reproducible: first.Reproducible}, Wanted: first.Wanted,
	}}
	ordered := parts
	if first.piece != nil {
		ordered = inOrder(parts, first.piece.All)
	}
	for _, p := range ordered {
		t.Build.Stages = append(t.Build.Stages, rv.endsOf(p.Target)...)
		addTimes(t, p)
	}
	t.Build.Stages = slices.Compact(t.Build.Stages)
	for _, o := range first.Outputs {
		t.Build.Target.Outputs = append(t.Build.Target.Outputs, config.NewOutput(config.Entry{Type: o.Type}))
	}
	piece := first.piece
	if piece != nil {
		for _, test := range piece.Tests {
			t.Build.Target.Tests = append(t.Build.Target.Tests, &config.Test{Name: test})
		}
	}
	m.judge(t, parts)
	t.Unskipped = unskipped(parts)
	if t.State == runner.Done && t.Result.Skipped == nil && piece != nil && len(piece.All) > len(piece.Platforms) {
		m.splits = append(m.splits, &split{report: t, all: piece.All, parts: inOrder(parts, piece.All)})
		// Until there is an index, no image has all platforms: that of one part
		// must not be taken for it.
		t.Result.Digest = ""
		delete(t.Result.Metadata, digestKey)
		delete(t.Result.Metadata, descriptorKey)
	}
	return t
}

// addTimes adds how long a part took: parts are built side by side.
func addTimes(t *runner.TargetReport, p part) {
	took := seconds(p.Running) + seconds(p.Exporting)
	if took > t.Took {
		t.Took, t.Exporting, t.Waited = took, seconds(p.Exporting), seconds(p.Waiting)
	}
	for _, a := range p.Attempts {
		if t.Started.IsZero() || a.Started.Before(t.Started) {
			t.Started = a.Started
		}
	}
	if len(p.Attempts) > len(t.Attempts) {
		t.Attempts = nil
		for _, a := range p.Attempts {
			one := runner.Attempt{Started: a.Started, Took: seconds(a.Seconds)}
			if a.Error != "" {
				one.Err = errors.New(a.Error)
			}
			t.Attempts = append(t.Attempts, one)
		}
	}
}

// judge says what the parts of a target come to.
func (m *Merged) judge(t *runner.TargetReport, parts []part) {
	for _, p := range parts {
		if p.State != runner.Done {
			t.State, t.Cause, t.CauseStage = p.State, p.Cause, p.CauseStage
			if !t.State.Over() {
				t.State = runner.Canceled
			}
			t.Err = failure(p)
			if t.State == runner.Failed {
				return
			}
		}
	}
	if t.Err != nil {
		return
	}
	if !agree(parts) {
		t.State, t.Err = runner.Canceled, errors.New("the results of the shards do not agree on what its platforms are")
		return
	}
	if missing := missingPlatforms(parts); len(missing) > 0 {
		t.State, t.Err = runner.Canceled, fmt.Errorf("the shard with %s is missing", someOf(missing))
		return
	}
	if test := untested(parts); test != "" {
		t.State, t.Err = runner.Canceled, fmt.Errorf("no shard has run its test %q", test)
		return
	}
	if from := unpushed(parts); from != nil {
		t.State, t.Err = runner.Canceled, fmt.Errorf("shard %d/%d has not pushed it, and others have\n  To run it again: %s",
			from.Shard.Index, from.Shard.Count, m.again(from.Shard.Index))
		return
	}
	t.State, t.Result = runner.Done, result(parts)
}

// unpushed is the result of a part that was built and not pushed, where another
// part was: the platforms cannot become one image. A part that was skipped is
// there already.
func unpushed(parts []part) *Result {
	pushed := slices.ContainsFunc(parts, func(p part) bool { return len(p.Unpublished) > 0 })
	for _, p := range parts {
		if pushed && len(p.Unpublished) == 0 && p.Skipped == nil && p.piece != nil {
			return p.from
		}
	}
	return nil
}

// skippedBy is the build that took the place of one, if no part was built.
func skippedBy(parts []part) *runner.Skipped {
	for _, p := range parts {
		if p.Skipped == nil || p.Digest != parts[0].Digest {
			return nil
		}
	}
	return parts[0].Skipped
}

// unskipped is why a part was built in a run that skips, or "".
func unskipped(parts []part) string {
	for _, p := range parts {
		if p.Unskipped != "" {
			return p.Unskipped
		}
	}
	return ""
}

// Pending is what the shards that have built a target say of its record; nothing if
// one of them says nothing.
func (m *Merged) Pending(target string) []json.RawMessage {
	var out []json.RawMessage
	for _, p := range m.parts[target] {
		switch {
		case p.Skipped != nil:
			continue // it has a record, which is the same
		case len(p.Target.Pending) == 0:
			return nil
		}
		out = append(out, p.Target.Pending)
	}
	return out
}

// agree says whether the parts of a target are those of one, each platform once.
// Targets that are only linked to have no parts of their own.
func agree(parts []part) bool {
	seen := map[string]bool{}
	first := parts[0].piece
	for _, p := range parts {
		if (p.piece == nil) != (first == nil) || p.piece != nil && !slices.Equal(p.piece.All, first.All) {
			return false
		}
		if p.piece == nil {
			continue
		}
		if len(parts) > 1 && len(p.piece.Platforms) == 0 {
			return false
		}
		for _, pl := range p.piece.Platforms {
			if seen[pl] || !slices.Contains(first.All, pl) {
				return false
			}
			seen[pl] = true
		}
	}
	return true
}

// missingPlatforms are the platforms of a target that no part has.
func missingPlatforms(parts []part) []string {
	have := map[string]bool{}
	var all []string
	for _, p := range parts {
		if p.piece == nil {
			continue
		}
		all = p.piece.All
		for _, pl := range p.piece.Platforms {
			have[pl] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(pl string) bool { return have[pl] })
}

// untested is a test of a target that no part has passed.
func untested(parts []part) string {
	if parts[0].piece == nil {
		return ""
	}
	passed := map[string]bool{}
	for _, p := range parts {
		for _, t := range p.Target.Tests {
			passed[t.Name] = t.Failure == ""
		}
	}
	for _, name := range parts[0].piece.Tests {
		if !passed[name] {
			return name
		}
	}
	return ""
}

// failure is why a part is not done.
func failure(p part) error {
	f := p.Failure
	if f == nil {
		return errors.New(cmp.Or(p.Reason, unsaid(p)))
	}
	out := &runner.Failure{
		Target: p.Name, Stage: f.Stage, Vertex: f.Vertex, Platform: f.Platform, Builder: f.Builder, Step: f.Step, File: f.File, Line: f.Line,
		Fault: f.Fault, Transient: f.Transient, Log: f.Log, ExitCode: -1, Err: errors.New(cmp.Or(f.Error, p.Reason, unsaid(p))), Tests: tests(p),
	}
	for _, l := range f.Excerpt {
		out.Excerpt = append(out.Excerpt, runner.ExcerptLine(l))
	}
	if p.Reason != f.Error || f.ExitCode != nil { // without an exit code, the error is shown
		out.Reason = p.Reason
	}
	if f.ExitCode != nil {
		out.ExitCode = *f.ExitCode
	}
	return out
}

// unsaid is why a part is not done whose result has no reason.
func unsaid(p part) string {
	if p.Cause != "" {
		return fmt.Sprintf("it needs %s, which is not done", p.Cause)
	}
	return fmt.Sprintf("it is %s, and %s does not say why", p.State, p.from.Path)
}

func tests(p part) []runner.TestResult {
	var out []runner.TestResult
	for _, t := range p.Target.Tests {
		out = append(out, runner.TestResult{Name: t.Name, Took: seconds(t.Seconds), Failure: t.Failure, Output: t.Output})
	}
	return out
}

// result is what the parts of a target have given. The digest is that of the
// first part.
func result(parts []part) *runner.Result {
	out := &runner.Result{Metadata: map[string]any{}}
	if all := parts[0].piece; all != nil {
		parts = inOrder(parts, all.All)
	}
	for _, p := range slices.Backward(parts) {
		maps.Copy(out.Metadata, p.Metadata)
	}
	if len(out.Metadata) == 0 {
		out.Metadata = nil
	}
	first := parts[0]
	out.Digest, out.ImageSize, out.Unpublished = first.Digest, first.ImageSize, first.Unpublished
	out.Skipped = skippedBy(parts)
	for _, o := range first.Outputs {
		one := runner.Output{Type: o.Type, Where: o.Where, Size: o.Bytes}
		if o.Type != "registry" && (o.Type != "image" || len(first.Unpublished) == 0) {
			one.Job = fmt.Sprintf("shard %d/%d", first.from.Shard.Index, first.from.Shard.Count)
		}
		out.Outputs = append(out.Outputs, one)
	}
	for _, p := range parts {
		out.Tests = append(out.Tests, tests(p)...)
		for _, s := range p.Stages {
			out.Steps.Run += s.Run
			out.Steps.Cached += s.Cached
		}
	}
	return out
}

// inOrder puts the parts in the order of the target's platforms.
func inOrder(parts []part, all []string) []part {
	first := func(p part) int {
		if p.piece == nil || len(p.piece.Platforms) == 0 {
			return 0
		}
		return slices.Index(all, p.piece.Platforms[0])
	}
	out := slices.Clone(parts)
	slices.SortStableFunc(out, func(a, b part) int { return first(a) - first(b) })
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
