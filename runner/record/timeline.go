package record

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

//go:embed timeline.css
var timelineCSS string

//go:embed timeline.html
var timelineHTML string

// timelinePage is the page of a record.
var timelinePage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("timeline").Parse(timelineHTML))
})

// Timeline writes the record as one page that needs nothing beside it, and no
// script: when each target and each stage was worked on, and which stages made
// the run as long as it was.
func (rec *Record) Timeline(w io.Writer) error {
	var page bytes.Buffer
	err := timelinePage().Execute(&page, newTimeline(rec))
	if err == nil {
		_, err = w.Write(page.Bytes())
	}
	if err != nil {
		return fmt.Errorf("writing the timeline: %w", err)
	}
	return nil
}

// timeline is what the page of a record shows.
type timeline struct {
	Title, State, Project, Started, Builder string
	Stages                                  string // counted
	CriticalPath, Moved                     string
	Style                                   template.CSS

	Failures []failure
	Path     []pathStage
	Slowest  []slowStep
	Marks    []mark
	Targets  []row
	Rows     []row // of the stages

	start  time.Time
	length float64 // in seconds; never 0
}

// row is a target or a stage with its bars.
type row struct {
	Name, Note string
	Why        string       // of a target, in lines
	State      runner.State // of a target
	Key        string       // of a stage, without its platform
	Critical   bool
	Bars       []bar
}

// bar is a stretch of time; From and Length are percents.
type bar struct {
	Class, Title string
	From, Length template.CSS
}

// mark is a round time on the axis.
type mark struct {
	At   template.CSS
	Text string
}

// failure is where and why targets failed.
type failure struct {
	Names, Place, Step, Log, Text string
}

type pathStage struct{ Name, Took string }

type slowStep struct{ Took, Label, Name string }

func newTimeline(rec *Record) *timeline {
	sum := rec.Totals
	t := &timeline{
		State: clean(rec.State), Project: clean(rec.Project), Started: rec.Started.Format(time.DateTime),
		Builder: clean(cmp.Or(rec.Builder, "no builder")), CriticalPath: seconds(sum.CriticalPath), Moved: moved(sum),
		Title:  fmt.Sprintf("orch: %s in %s", plural(len(rec.Targets), "target"), seconds(rec.Seconds)),
		Stages: fmt.Sprintf("%s: %d run, %d cached, %d shared", plural(sum.Stages.Run+sum.Stages.Cached, "stage"), sum.Stages.Run, sum.Stages.Cached, sum.Stages.Shared),
		Style:  template.CSS(timelineCSS),
		start:  rec.Started, length: max(rec.Seconds, 0.001),
		Failures: failures(rec), Path: criticalPath(rec), Slowest: slowest(rec),
	}
	t.Marks = t.axis()
	t.Targets = t.targetRows(rec)
	t.Rows = t.stageRows(rec)
	return t
}

// clean takes out of a text what only a terminal obeys. The template quotes the
// rest.
func clean(s string) string { return termtext.XML(s) }

func seconds(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.2fs", s)
	}
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// moved says in a sentence how many bytes the run moved.
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
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ", ") + "."
}

func sizeText(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// axis has marks at round times, at most ten of them.
func (t *timeline) axis() []mark {
	step := 0.001
	for i := 0; t.length/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var out []mark
	for at := 0.0; at <= 0.97*t.length; at += step { // the last one would be cut off
		text := time.Duration(at * float64(time.Second)).Round(time.Millisecond).String()
		out = append(out, mark{At: t.percent(at), Text: text})
	}
	return out
}

// percent is a length of time as a part of the run's.
func (t *timeline) percent(s float64) template.CSS {
	return template.CSS(fmt.Sprintf("%.3f%%", 100*s/t.length))
}

// bar is a stretch from a time, in seconds after the start of the run.
func (t *timeline) bar(class string, from, length float64, title string) bar {
	from = min(max(from, 0), t.length)
	length = min(max(length, 0), t.length-from)
	return bar{Class: class, From: t.percent(from), Length: t.percent(length), Title: clean(title)}
}

func (t *timeline) since(at time.Time) float64 { return at.Sub(t.start).Seconds() }

// targetRows has the targets, what went wrong first.
func (t *timeline) targetRows(rec *Record) []row {
	targets := slices.Clone(rec.Targets)
	slices.SortStableFunc(targets, func(a, b *Target) int {
		return cmp.Or(cmp.Compare(trouble(a), trouble(b)), cmp.Compare(firstStart(a), firstStart(b)))
	})
	out := make([]row, len(targets))
	for i, r := range targets {
		var why []string
		for _, line := range r.Why {
			why = append(why, clean(line))
		}
		out[i] = row{Name: clean(r.Name), Why: strings.Join(why, "\n"), State: r.State, Note: clean(noteOf(r)), Bars: t.attempts(r)}
	}
	return out
}

// noteOf says in a few words what became of a target.
func noteOf(r *Target) string {
	note := r.State.String()
	switch {
	case r.From != "":
		return "done in an earlier run"
	case r.State == runner.Blocked:
		return note + " by " + r.Cause
	case r.Reason != "":
		return note + ": " + r.Reason
	case r.ImageSize > 0:
		return note + ", " + sizeText(r.ImageSize)
	}
	return note
}

// trouble puts what went wrong in front of the rest.
func trouble(r *Target) int {
	switch r.State {
	case runner.Failed:
		return 0
	case runner.Blocked:
		return 1
	}
	return 2
}

// firstStart orders targets by when they were first tried; those that never
// were come last.
func firstStart(r *Target) int64 {
	if len(r.Attempts) == 0 {
		return 1<<63 - 1
	}
	return r.Attempts[0].Started.UnixNano()
}

func (t *timeline) attempts(r *Target) []bar {
	var out []bar
	for i, a := range r.Attempts {
		from := t.since(a.Started)
		if i == 0 {
			out = append(out, t.bar("wait", 0, from, "waited "+seconds(from)))
		}
		title := fmt.Sprintf("%s: %s", r.Name, seconds(a.Seconds))
		if a.Error != "" {
			out = append(out, t.bar("bad", from, a.Seconds, title+", "+cmp.Or(a.Reason, a.Error)))
			continue
		}
		exporting := min(r.Exporting, a.Seconds)
		out = append(out, t.bar("run", from, a.Seconds-exporting, title),
			t.bar("out", from+a.Seconds-exporting, exporting, "writing outputs: "+seconds(exporting)))
	}
	return out
}

// stageRows has the stages that the builder worked on, with a bar for each step.
func (t *timeline) stageRows(rec *Record) []row {
	critical := map[string]bool{}
	for _, id := range rec.Totals.Critical {
		critical[id] = true
	}
	steps := map[string][]*Step{}
	for _, s := range rec.Steps {
		if s.Vertex != "" {
			steps[s.Vertex] = append(steps[s.Vertex], s)
		}
	}
	vertices := slices.DeleteFunc(slices.Clone(rec.Vertices), func(v *Vertex) bool { return len(steps[v.ID]) == 0 })
	slices.SortStableFunc(vertices, func(a, b *Vertex) int { return a.Started.Compare(b.Started) })
	out := make([]row, len(vertices))
	for i, v := range vertices {
		name := v.Name
		if v.Platform != "" {
			name += " " + v.Platform
		}
		out[i] = row{Name: clean(name), Key: clean(v.Name), Critical: critical[v.ID], Note: seconds(v.Seconds) + " for " + clean(forTargets(v.Targets))}
		for _, s := range steps[v.ID] {
			title := fmt.Sprintf("[%s] %s: %s", s.Label, s.Name, seconds(s.Seconds))
			out[i].Bars = append(out[i].Bars, t.bar(stepClass(s, critical[v.ID]), t.since(s.Started), s.Seconds, title))
		}
	}
	return out
}

func stepClass(s *Step, critical bool) string {
	switch {
	case s.Failed:
		return "bad"
	case s.Cached:
		return "cached"
	case critical:
		return "crit"
	}
	return "run"
}

// forTargets names up to three targets.
func forTargets(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return plural(len(names), "target")
}

// failures are where and why targets failed, with the end of what the step
// printed. Targets that failed in one step share an entry.
func failures(rec *Record) []failure {
	type key struct {
		step, file, text string
		line             int
	}
	var order []key
	failed := map[key][]*Target{}
	for _, r := range rec.Targets {
		if r.State != runner.Failed {
			continue
		}
		k := key{text: r.Reason}
		if f := r.Failure; f != nil {
			k = key{f.Step, f.File, f.Error, f.Line}
		}
		if failed[k] == nil {
			order = append(order, k)
		}
		failed[k] = append(failed[k], r)
	}
	var out []failure
	for _, k := range order {
		var names []string
		for _, r := range failed[k] {
			names = append(names, r.Name)
		}
		out = append(out, failureOf(names, failed[k][0]))
	}
	return out
}

func failureOf(names []string, r *Target) failure {
	f := r.Failure
	if f == nil {
		f = &Failure{Error: r.Reason}
	}
	place := ""
	if f.Stage != "" {
		place += " in stage " + f.Stage
	}
	if f.Platform != "" {
		place += " for " + f.Platform
	}
	if f.File != "" {
		place += fmt.Sprintf(", at %s:%d", f.File, f.Line)
	}
	text := termtext.Brief(f.Error, termtext.MaxMessage)
	if r.Reason != "" && r.Reason != f.Error {
		text = r.Reason + ". " + text
	}
	return failure{
		Names: clean(strings.Join(names, ", ")), Place: clean(place), Text: clean(text),
		Step: clean(termtext.Brief(f.Step, termtext.MaxMessage)), Log: clean(strings.Join(f.Log, "\n")),
	}
}

// criticalPath has the stages that made the run as long as it was.
func criticalPath(rec *Record) []pathStage {
	var out []pathStage
	for _, id := range rec.Totals.Critical {
		for _, v := range rec.Vertices {
			if v.ID == id {
				out = append(out, pathStage{Name: clean(v.Name), Took: seconds(v.Seconds)})
			}
		}
	}
	return out
}

// slowest has the steps that took longest.
func slowest(rec *Record) []slowStep {
	steps := slices.DeleteFunc(slices.Clone(rec.Steps), func(s *Step) bool { return s.Label == "" || s.Cached })
	slices.SortStableFunc(steps, func(a, b *Step) int { return cmp.Compare(b.Seconds, a.Seconds) })
	var out []slowStep
	for _, s := range steps[:min(len(steps), 5)] {
		out = append(out, slowStep{Took: seconds(s.Seconds), Label: clean(s.Label), Name: clean(s.Name)})
	}
	return out
}
