package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// logLines is how many lines of the output of a failed step a page shows.
const logLines = 50

// Beside is what a page shows of a run that its record does not have.
type Beside struct {
	// Plan is the plan of the run; nil is not known.
	Plan *page.Data
	// Kept is where the output of the steps is.
	Kept Kept
}

// title says what has come of the run, in a few words.
func (rec *Record) title() string {
	all, failed := termtext.Count(len(rec.Targets), "target"), 0
	for _, t := range rec.Targets {
		if t.State == runner.Failed {
			failed++
		}
	}
	switch {
	case failed > 0:
		return fmt.Sprintf("%d of %s failed", failed, all)
	case rec.State == "done":
		return all + " done"
	}
	return all + ", " + rec.State
}

// Page is the record as its page shows it.
func (rec *Record) Page(b Beside) *page.Data {
	d := b.Plan
	if d == nil {
		d = &page.Data{}
	}
	p := paging{Record: rec, Data: d, kept: b.Kept, vertices: map[string]int{}, targets: map[string]int{}}
	d.Title, d.Heading = "orch: "+clean(rec.title()), "orch run"
	d.Run = &page.Run{ID: clean(rec.ID), State: clean(rec.State), Seconds: rec.length()}
	if rec.State == "running" {
		d.Run.State = "not finished"
	}
	targets, vertices := len(d.Targets), len(d.Vertices)
	p.addTargets()
	p.addVertices()
	p.addGraph(vertices, targets)
	p.addSteps()
	p.addFailures()
	p.addSame()
	d.Critical = nil
	for _, id := range rec.Totals.Critical {
		if i, ok := p.vertices[id]; ok {
			d.Critical = append(d.Critical, i)
		}
	}
	d.Facts = rec.facts()
	return d
}

// length is how long the run took; of one that did not end, until the last thing
// that is known of it.
func (rec *Record) length() float64 {
	length := rec.Seconds
	for _, s := range rec.Steps {
		length = max(length, s.Started.Sub(rec.Started).Seconds()+s.Seconds)
	}
	for _, t := range rec.Targets {
		for _, a := range t.Attempts {
			length = max(length, a.Started.Sub(rec.Started).Seconds()+a.Seconds)
		}
	}
	return max(length, 0.001)
}

// WritePage writes the page of a record to a file.
func WritePage(path string, rec *Record, b Beside) error {
	var text bytes.Buffer
	err := page.Write(&text, rec.Page(b))
	if err == nil {
		err = output.WriteFile(path, text.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing report file: %w", err)
	}
	return nil
}

// clean takes out of a text what only a terminal obeys.
func clean(s string) string { return termtext.XML(s) }

func cleanAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = clean(s)
	}
	return out
}

// paging puts a record on the page of its plan.
type paging struct {
	*Record
	*page.Data
	kept              Kept
	vertices, targets map[string]int // by ID and name
}

func (p *paging) since(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, at.Sub(p.Started).Seconds())
}

// addTargets enters how the targets ended. Those that the plan does not have
// are ones that an earlier run built, or that were skipped.
func (p *paging) addTargets() {
	for i, t := range p.Data.Targets {
		p.targets[t.Name] = i
	}
	for _, r := range p.Record.Targets {
		i, ok := p.targets[r.Name]
		if !ok {
			i = len(p.Data.Targets)
			p.targets[r.Name] = i
			p.Data.Targets = append(p.Data.Targets, &page.Target{Shape: -1, Results: []int{}, Vertices: []int{}})
		}
		t := p.Data.Targets[i]
		t.Name, t.Wanted, t.State, t.Text = clean(r.Name), r.Wanted, r.State.String(), clean(textOf(r))
		t.Why, t.Exporting = cleanAll(r.Why), r.Exporting
		for _, a := range r.Attempts {
			t.Attempts = append(t.Attempts, page.Attempt{Start: p.since(a.Started), Seconds: a.Seconds, Error: clean(cmp.Or(a.Reason, a.Error))})
		}
		t.Facts = append(resultFacts(r), t.Facts...)
	}
	for _, r := range p.Record.Targets {
		if i, ok := p.targets[r.Cause]; ok && r.State == runner.Blocked {
			p.Data.Targets[p.targets[r.Name]].Blocker = i + 1
		}
	}
}

// textOf says in a few words how a target ended.
func textOf(r *Target) string {
	switch {
	case r.From != "":
		return "done in an earlier run"
	case r.Skipped != nil:
		return "skipped: the image is there already"
	case r.State == runner.Blocked:
		return "by " + r.Cause
	case r.Reason != "":
		return termtext.Brief(r.Reason, termtext.MaxMessage)
	case r.ImageSize > 0:
		return sizeText(r.ImageSize)
	}
	return ""
}

// resultFacts are what a target came to.
func resultFacts(r *Target) []page.Fact {
	var out []page.Fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, page.Fact{Name: name, Text: clean(text)})
		}
	}
	add("digest", r.Digest)
	add("built on", strings.Join(r.Builders, ", "))
	for _, o := range r.Outputs {
		add("written", strings.TrimSpace(o.Type+" "+o.Where))
	}
	for _, t := range r.Tests {
		add("test "+t.Name, cmp.Or(t.Failure, "passed")+", "+seconds(t.Seconds))
	}
	add("not skipped", r.Unskipped)
	return out
}

// addVertices enters what the builder spent on the vertices.
func (p *paging) addVertices() {
	for i, v := range p.Data.Vertices {
		p.vertices[v.ID] = i
	}
	for _, r := range p.Record.Vertices {
		i, ok := p.vertices[r.ID]
		if !ok {
			i = len(p.Data.Vertices)
			p.vertices[r.ID] = i
			v := &page.Vertex{ID: r.ID, Kind: "stage", Name: clean(r.Name), Platform: r.Platform}
			for _, name := range r.Targets {
				if t, ok := p.targets[name]; ok {
					v.Targets = append(v.Targets, t)
					p.Data.Targets[t].Vertices = append(p.Data.Targets[t].Vertices, i)
				}
			}
			p.Data.Vertices = append(p.Data.Vertices, v)
		}
		v := p.Data.Vertices[i]
		v.Start, v.Seconds = p.since(r.Started), r.Seconds
		switch {
		case r.Run > 0:
			v.State = "run"
		case r.Hits > 0:
			v.State = "cached"
		}
	}
}

// addSteps enters the steps, and by them when the vertices were done.
func (p *paging) addSteps() {
	rec := p.Record
	for _, s := range p.Record.Steps {
		step := &page.Step{
			Vertex: -1, Label: clean(s.Label), Name: clean(termtext.Brief(s.Name, termtext.MaxMessage)),
			Start: p.since(s.Started), Seconds: s.Seconds, State: "run",
		}
		if i, ok := p.vertices[s.Vertex]; ok && s.Vertex != "" {
			step.Vertex = i
			v := p.Data.Vertices[i]
			v.End = max(v.End, step.Start+step.Seconds)
			switch {
			case s.Failed:
				v.State = "failed"
			case s.Running && v.State == "":
				v.State, v.Start = "running", step.Start
			}
		}
		switch {
		case s.Failed:
			step.State = "failed"
		case s.Cached:
			step.State = "cached"
		case s.Running:
			step.State = "running"
			step.Seconds = max(step.Seconds, rec.length()-step.Start)
		}
		p.Data.Steps = append(p.Data.Steps, step)
	}
}

// addSame marks the stages of good targets that the builder did not report: what
// they make is what another stage makes.
func (p *paging) addSame() {
	if p.Record.State == "running" {
		return // not all of its steps are known
	}
	for _, t := range p.Data.Targets {
		if t.State != runner.Done.String() {
			continue
		}
		for _, i := range t.Vertices {
			if v := p.Data.Vertices[i]; v.State == "" && v.Kind == planner.Stage.String() {
				v.State = "same"
			}
		}
	}
}

// addFailures enters where and why targets failed. Those that failed in one step
// share an entry.
func (p *paging) addFailures() {
	type key struct {
		step, file, text string
		line             int
	}
	at := map[key]int{}
	for _, r := range p.Record.Targets {
		if r.State != runner.Failed {
			continue
		}
		k := key{text: r.Reason}
		if f := r.Failure; f != nil {
			k = key{f.Step, f.File, f.Error, f.Line}
		}
		n, ok := at[k]
		if !ok {
			p.Failures = append(p.Failures, p.failure(r))
			n = len(p.Failures)
			at[k] = n
		}
		i := p.targets[r.Name]
		p.Failures[n-1].Targets = append(p.Failures[n-1].Targets, i)
		p.Data.Targets[i].Failure = n
		if f := r.Failure; f != nil {
			p.blame(i, n, f)
		}
	}
}

// blame marks the vertex that a failure is in.
func (p *paging) blame(target, failure int, f *Failure) {
	if i, ok := p.vertices[f.Vertex]; ok {
		p.Data.Vertices[i].Failure, p.Data.Vertices[i].State = failure, "failed"
		return
	}
	for _, i := range p.Data.Targets[target].Vertices {
		if i < len(p.Data.Vertices) && p.Data.Vertices[i].State == "failed" {
			p.Data.Vertices[i].Failure = failure
		}
	}
}

func (p *paging) failure(r *Target) *page.Failure {
	f := r.Failure
	if f == nil {
		return &page.Failure{Text: clean(termtext.Brief(r.Reason, termtext.MaxMessage))}
	}
	out := &page.Failure{Step: clean(termtext.Brief(f.Step, termtext.MaxMessage)), Place: clean(placeOf(f))}
	out.Text = clean(errorText(r))
	for _, l := range f.Excerpt {
		out.Excerpt = append(out.Excerpt, page.Line{Number: l.Number, Text: clean(l.Text), Marked: l.Marked})
	}
	lines, left := p.log(f)
	out.Left = left
	for _, l := range lines {
		out.Log = append(out.Log, clean(page.Short(l)))
	}
	if p.ID != "" && f.LogFile != "" {
		out.More = clean(shellquote.Command("orch", "logs", r.Name, "--failed", "--run", p.ID))
	}
	return out
}

// errorText says what is wrong. That a process ended with an exit code needs no
// more words; what it printed says why.
func errorText(r *Target) string {
	text := termtext.Brief(r.Failure.Error, termtext.MaxMessage)
	switch {
	case r.Reason == "" || r.Reason == r.Failure.Error:
	case r.Failure.ExitCode != nil:
		text = r.Reason
	default:
		text = r.Reason + ". " + text
	}
	switch r.Failure.Fault {
	case runner.FaultUser:
		text += ". The fault is in what is built, not in the builder."
	case runner.FaultInfrastructure:
		text += ". The fault is not in what is built."
	}
	return text
}

func placeOf(f *Failure) string {
	var parts []string
	if f.Stage != "" {
		parts = append(parts, "in stage "+f.Stage)
	}
	if f.Platform != "" {
		parts = append(parts, "for "+f.Platform)
	}
	if f.Builder != "" {
		parts = append(parts, "on "+f.Builder)
	}
	if f.File != "" {
		parts = append(parts, fmt.Sprintf("at %s:%d", f.File, f.Line))
	}
	return strings.Join(parts, " ")
}

// log is the end of what a failed step printed: out of its file, or what the
// record has of it.
func (p *paging) log(f *Failure) (lines []string, left bool) {
	const most = 1 << 20
	text, whole, err := p.kept.Log(f.LogFile, most)
	if errors.Is(err, fs.ErrNotExist) || err != nil || len(text) == 0 {
		return f.Log, false
	}
	lines = Lines(text)
	if len(lines) > logLines {
		return slices.Clone(lines[len(lines)-logLines:]), true
	}
	return lines, !whole
}

// facts are about the run as a whole.
func (rec *Record) facts() []page.Fact {
	var out []page.Fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, page.Fact{Name: name, Text: clean(text)})
		}
	}
	sum := rec.Totals
	if len(rec.Args) > 0 {
		add("command", shellquote.Command("orch", rec.Args...))
	}
	add("folder", rec.Project)
	add("builder", rec.Builder)
	add("started", rec.Started.Format(time.DateTime+" MST"))
	if rec.Seconds > 0 {
		add("took", seconds(rec.Seconds))
	}
	if rec.Rounds > 1 {
		add("sessions", fmt.Sprint(rec.Rounds))
	}
	add("stages", fmt.Sprintf("%d run, %d cached, %d shared", sum.Stages.Run, sum.Stages.Cached, sum.Stages.Shared))
	add("moved", moved(sum))
	add("cache", rec.CacheErr)
	for _, m := range rec.Mounts {
		add("cache mount", m.text())
	}
	add("orch", rec.Orch)
	return out
}

func seconds(s float64) string { return termtext.Seconds(time.Duration(s * float64(time.Second))) }

// moved says how many bytes the run moved.
func moved(sum Totals) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{
		{sum.BytesSent, "sent to the builder"}, {sum.BytesPushed, "pushed"},
		{sum.CacheRead, "read from caches"}, {sum.CacheWritten, "written to caches"},
	} {
		if p.n > 0 {
			parts = append(parts, sizeText(p.n)+" "+p.text)
		}
	}
	return strings.Join(parts, ", ")
}

func sizeText(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }
