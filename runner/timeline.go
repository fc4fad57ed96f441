package runner

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/termtext"
)

//go:embed timeline.css
var timelineCSS string

// Timeline writes the record as one page that needs nothing beside it, and no
// script: when each target and each stage was worked on, and which stages made
// the run as long as it was.
func (rec *Record) Timeline(w io.Writer) error {
	t := newTimeline(rec)
	t.head()
	t.failures()
	t.path()
	t.slowest()
	t.axis()
	t.targets()
	t.stages()
	t.printf("</main>\n</body>\n</html>\n")
	if _, err := w.Write(t.Bytes()); err != nil {
		return fmt.Errorf("writing the timeline: %w", err)
	}
	return nil
}

// timeline is a page that is being written.
type timeline struct {
	bytes.Buffer
	rec      *Record
	start    time.Time
	length   float64 // in seconds; never 0
	critical map[string]bool
}

func newTimeline(rec *Record) *timeline {
	t := &timeline{rec: rec, start: rec.Started, length: max(rec.Seconds, 0.001), critical: map[string]bool{}}
	for _, id := range rec.Totals.Critical {
		t.critical[id] = true
	}
	return t
}

// printf writes formatted HTML; what is the user's text has to be escaped.
func (t *timeline) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

func esc(s string) string { return termtext.HTML(s) }

func secondsText(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.2fs", s)
	}
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}

func (t *timeline) head() {
	title := fmt.Sprintf("orch: %s in %s", plural(len(t.rec.Targets), "target"), secondsText(t.rec.Seconds))
	t.printf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
	t.printf("<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", esc(title), timelineCSS)
	t.printf("<h1>%s <span class=\"state %s\">%s</span></h1>\n", esc(title), esc(t.rec.State), esc(t.rec.State))
	s := t.rec.Totals.Stages
	t.printf("<p>%s, %s, on %s. %s: %d run, %d cached, %d shared. Critical path: %s.%s</p>\n",
		esc(t.rec.Project), esc(t.start.Format(time.DateTime)), esc(cmp.Or(t.rec.Builder, "no builder")),
		plural(s.Run+s.Cached, "stage"), s.Run, s.Cached, s.Shared, secondsText(t.rec.Totals.CriticalPath), esc(t.moved()))
	t.printf("<p class=\"legend\"><i class=\"bar wait\"></i> waiting <i class=\"bar run\"></i> running <i class=\"bar out\"></i> writing outputs " +
		"<i class=\"bar cached\"></i> cached <i class=\"bar bad\"></i> failed <i class=\"bar crit\"></i> critical path</p>\n")
}

// moved says in a sentence how many bytes the run moved.
func (t *timeline) moved() string {
	sum := t.rec.Totals
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

// axis writes marks at round times, at most ten of them.
func (t *timeline) axis() {
	step := 0.001
	for i := 0; t.length/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	t.printf("<div class=\"row axis\"><span class=\"name\"></span><span class=\"lane\">")
	for at := 0.0; at <= 0.97*t.length; at += step { // the last one would be cut off
		t.printf("<i class=\"mark\" style=\"left:%.3f%%\">%s</i>", 100*at/t.length, esc(markText(at)))
	}
	t.printf("</span></div>\n")
}

func markText(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// bar writes a bar from a time, in seconds after the start of the run.
func (t *timeline) bar(class string, from, length float64, title string) {
	from = min(max(from, 0), t.length)
	length = min(max(length, 0), t.length-from)
	t.printf("<i class=\"bar %s\" style=\"left:%.3f%%;width:%.3f%%\" title=\"%s\"></i>",
		class, 100*from/t.length, 100*length/t.length, esc(title))
}

func (t *timeline) since(at time.Time) float64 { return at.Sub(t.start).Seconds() }

func (t *timeline) targets() {
	t.printf("<h2>Targets</h2>\n")
	targets := slices.Clone(t.rec.Targets)
	slices.SortStableFunc(targets, func(a, b *RecordTarget) int {
		return cmp.Or(cmp.Compare(trouble(a), trouble(b)), cmp.Compare(firstStart(a), firstStart(b)))
	})
	for _, r := range targets {
		t.printf("<div class=\"row target\" data-target=\"%s\"><span class=\"name\">%s</span><span class=\"lane\">", esc(r.Name), esc(r.Name))
		t.attempts(r)
		note := r.State.String()
		switch {
		case r.From != "":
			note = "done in an earlier run"
		case r.State == Blocked:
			note += " by " + r.Cause
		case r.Reason != "":
			note += ": " + r.Reason
		case r.ImageSize > 0:
			note += ", " + sizeText(r.ImageSize)
		}
		t.printf("</span><span class=\"note %s\" title=\"%s\">%s</span></div>\n", r.State, esc(note), esc(note))
	}
}

// trouble puts what went wrong in front of the rest.
func trouble(r *RecordTarget) int {
	switch r.State {
	case Failed:
		return 0
	case Blocked:
		return 1
	}
	return 2
}

// firstStart orders targets by when they were first tried; those that never
// were come last.
func firstStart(r *RecordTarget) int64 {
	if len(r.Attempts) == 0 {
		return 1<<63 - 1
	}
	return r.Attempts[0].Started.UnixNano()
}

func (t *timeline) attempts(r *RecordTarget) {
	for i, a := range r.Attempts {
		from := t.since(a.Started)
		if i == 0 {
			t.bar("wait", 0, from, "waited "+secondsText(from))
		}
		title := fmt.Sprintf("%s: %s", r.Name, secondsText(a.Seconds))
		if a.Error != "" {
			t.bar("bad", from, a.Seconds, title+", "+cmp.Or(a.Reason, a.Error))
			continue
		}
		exporting := min(r.Exporting, a.Seconds)
		t.bar("run", from, a.Seconds-exporting, title)
		t.bar("out", from+a.Seconds-exporting, exporting, "writing outputs: "+secondsText(exporting))
	}
}

// stages writes the stages that the builder worked on, with a bar for each
// step.
func (t *timeline) stages() {
	steps := map[string][]*RecordStep{}
	for _, s := range t.rec.Steps {
		if s.Vertex != "" {
			steps[s.Vertex] = append(steps[s.Vertex], s)
		}
	}
	var vertices []*RecordVertex
	for _, v := range t.rec.Vertices {
		if len(steps[v.ID]) > 0 {
			vertices = append(vertices, v)
		}
	}
	slices.SortStableFunc(vertices, func(a, b *RecordVertex) int { return a.Started.Compare(b.Started) })
	t.printf("<h2>Stages</h2>\n")
	for _, v := range vertices {
		class := ""
		if t.critical[v.ID] {
			class = " critical"
		}
		name := v.Name
		if v.Platform != "" {
			name += " " + v.Platform
		}
		t.printf("<div class=\"row stage%s\" data-stage=\"%s\"><span class=\"name\">%s</span><span class=\"lane\">", class, esc(v.Name), esc(name))
		for _, s := range steps[v.ID] {
			t.bar(stepClass(s, t.critical[v.ID]), t.since(s.Started), s.Seconds, fmt.Sprintf("[%s] %s: %s", s.Label, s.Name, secondsText(s.Seconds)))
		}
		t.printf("</span><span class=\"note\">%s for %s</span></div>\n", secondsText(v.Seconds), esc(forTargets(v.Targets)))
	}
}

func stepClass(s *RecordStep, critical bool) string {
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

// failures writes where and why targets failed, with the end of what the step
// printed. Targets that failed in one step share an entry.
func (t *timeline) failures() {
	type key struct {
		step, file, text string
		line             int
	}
	var order []key
	failed := map[key][]*RecordTarget{}
	for _, r := range t.rec.Targets {
		if r.State != Failed {
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
	if len(order) > 0 {
		t.printf("<h2>Failed</h2>\n")
	}
	for _, k := range order {
		var names []string
		for _, r := range failed[k] {
			names = append(names, r.Name)
		}
		t.failure(names, failed[k][0])
	}
}

// failure writes one failure.
func (t *timeline) failure(names []string, r *RecordTarget) {
	f := r.Failure
	if f == nil {
		f = &RecordFailure{Error: r.Reason}
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
	t.printf("<div class=\"failure\"><h3>%s%s</h3>\n", esc(strings.Join(names, ", ")), esc(place))
	if f.Step != "" {
		t.printf("<p><code>%s</code></p>\n", esc(termtext.Brief(f.Step, termtext.MaxMessage)))
	}
	if len(f.Log) > 0 {
		t.printf("<pre>%s</pre>\n", esc(strings.Join(f.Log, "\n")))
	}
	text := termtext.Brief(f.Error, termtext.MaxMessage)
	if r.Reason != "" && r.Reason != f.Error {
		text = r.Reason + ". " + text
	}
	t.printf("<p>%s</p></div>\n", esc(text))
}

// path writes the stages that made the run as long as it was.
func (t *timeline) path() {
	if len(t.rec.Totals.Critical) == 0 {
		return
	}
	t.printf("<h2>Critical path</h2>\n<ol class=\"path\">\n")
	for _, id := range t.rec.Totals.Critical {
		for _, v := range t.rec.Vertices {
			if v.ID == id {
				t.printf("<li>%s <b>%s</b></li>\n", esc(v.Name), secondsText(v.Seconds))
			}
		}
	}
	t.printf("</ol>\n")
}

// slowest writes the steps that took longest.
func (t *timeline) slowest() {
	var steps []*RecordStep
	for _, s := range t.rec.Steps {
		if s.Label != "" && !s.Cached {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return
	}
	slices.SortStableFunc(steps, func(a, b *RecordStep) int { return cmp.Compare(b.Seconds, a.Seconds) })
	t.printf("<h2>Slowest steps</h2>\n<table>\n")
	for _, s := range steps[:min(len(steps), 5)] {
		t.printf("<tr><td>%s</td><td>%s</td><td><code>%s</code></td></tr>\n", secondsText(s.Seconds), esc(s.Label), esc(s.Name))
	}
	t.printf("</table>\n")
}
