package buildkit

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// Groups is the form in which a log viewer is told that lines belong together.
type Groups int

const (
	// NoGroups marks nothing.
	NoGroups Groups = iota
	// GitHub is the form of GitHub Actions:
	// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
	GitHub
	// GitLab is the form of GitLab CI:
	// https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
	GitLab
)

// plain shows a run as lines, each step as one group. One step is shown while
// it runs; the others wait until theirs is complete, in the order in which they
// began, so that the lines of two steps never mix.
type plain struct {
	p        *Progress
	w        io.Writer // for text
	markers  io.Writer // for what marks groups
	groups   Groups
	queue    []*group // the first is being shown
	byStep   map[*step]*group
	over     map[*step]bool
	shown    int // groups so far
	ends     []*targetEnd
	warnings []*client.VertexWarning
}

// group is the lines of one step, or a line between steps.
type group struct {
	number int
	step   *step
	header string
	body   []byte
	open   bool // the header has been written
	done   bool
	midway bool // the last byte written was not the end of a line
	filter termtext.Filter
}

// targetEnd is the line about the end of a target. It waits until the ends of
// the target's steps, which are told on another stream, have arrived.
type targetEnd struct {
	target string
	line   *group
	late   bool // it has waited for long enough
}

func newPlain(p *Progress, w io.Writer, groups Groups) *plain {
	return &plain{p: p, w: termtext.Colored(w), markers: termtext.Raw(w), groups: groups, byStep: map[*step]*group{}, over: map[*step]bool{}}
}

func (d *plain) started(s *step) {
	// An exporter goes through several phases, each of which the builder
	// reports as a beginning and an end.
	if s.internal() || d.over[s] || d.byStep[s] != nil {
		return
	}
	d.add(s)
	d.flush()
}

func (d *plain) add(s *step) *group {
	name := d.p.shownName(s)
	if s.label == "" && len(s.targets) == 1 && len(d.p.plan.Builds) > 1 {
		name = "[" + s.targets[0] + "] " + name
	}
	d.shown++
	g := &group{number: d.shown, step: s, header: fmt.Sprintf("#%d %s", d.shown, termtext.Line(termtext.Brief(name, termtext.MaxMessage))), filter: termtext.Filter{Colors: true}}
	d.queue = append(d.queue, g)
	d.byStep[s] = g
	return g
}

func (d *plain) output(s *step, data []byte) {
	if g := d.byStep[s]; g != nil {
		g.body = g.filter.Append(g.body, data)
		d.flush()
	}
}

func (d *plain) finished(s *step) {
	g := d.byStep[s]
	if g == nil {
		if s.failed == "" && (d.over[s] || s.internal() && s.sent() == 0) {
			return
		}
		g = d.add(s)
	}
	g.done = true
	g.body = g.filter.End(g.body)
	d.over[s] = true
	delete(d.byStep, s)
	d.showEnds()
}

// ending is the last line of a step's group.
func ending(s *step) string {
	switch {
	case s.failed != "" && strings.HasSuffix(s.failed, "context canceled"):
		return "CANCELED"
	case s.failed != "":
		return "ERROR: " + strings.ReplaceAll(termtext.Text(termtext.Brief(strings.TrimRight(s.failed, "\n"), termtext.MaxMessage)), "\n", "\n  ")
	case s.cached:
		return "CACHED"
	case s.sent() > 0:
		return fmt.Sprintf("sent %s, DONE %s", units.HumanSizeWithPrecision(float64(s.sent()), 3), shortTime(s.took()))
	}
	return "DONE " + shortTime(s.took())
}

func shortTime(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func (d *plain) target(t *runner.TargetReport, c runner.Counts) {
	if why := d.p.again(t); why != "" {
		d.queue = append(d.queue, &group{header: termtext.Line(why), done: true})
		d.flush()
	}
	if !t.State.Over() || len(d.p.planBuilds()) < 2 {
		return
	}
	line := t.Name() + " " + t.State.String()
	switch {
	case t.State == runner.Canceled || t.State == runner.Blocked && c[runner.Blocked] > 20:
		return // said by the one line at the end
	case t.State == runner.Blocked:
		line += " by " + t.Cause
	case t.State == runner.Done:
		line += " in " + shortTime(t.Took)
	}
	e := &targetEnd{target: t.Name(), line: &group{header: fmt.Sprintf("%s (%s)", line, countsText(c)), done: true}}
	e.late = t.State != runner.Done // of others, what is told may be all
	d.ends = append(d.ends, e)
	if d.showEnds(); len(d.ends) > 0 {
		time.AfterFunc(logWait, func() {
			d.p.mu.Lock()
			defer d.p.mu.Unlock()
			e.late = true
			d.showEnds()
		})
	}
}

// showEnds shows the ends of targets that have waited for their steps, in the
// order in which they came, and whatever else may be shown.
func (d *plain) showEnds() {
	for len(d.ends) > 0 && (d.ends[0].late || d.p.told(d.ends[0].target)) {
		d.queue = append(d.queue, d.ends[0].line)
		d.ends = d.ends[1:]
	}
	d.flush()
}

// countsText says how many targets are done, running and waiting.
func countsText(c runner.Counts) string {
	text := fmt.Sprintf("%d done, %d running, %d waiting", c[runner.Done], c[runner.Running], c[runner.Waiting]+c[runner.Ready])
	for _, s := range []runner.State{runner.Failed, runner.Blocked} {
		if c[s] > 0 {
			text += fmt.Sprintf(", %d %s", c[s], s)
		}
	}
	return text
}

func (d *plain) status(s *client.SolveStatus) { d.warnings = append(d.warnings, s.Warnings...) }

// flush writes what may be written: the first group as far as it is, and the
// next ones once those before them are complete.
func (d *plain) flush() {
	for len(d.queue) > 0 {
		g := d.queue[0]
		d.write(g)
		if !g.done {
			return
		}
		d.queue = d.queue[1:]
	}
}

func (d *plain) write(g *group) {
	if !g.open {
		g.open = true
		d.begin(g)
	}
	var b bytes.Buffer
	d.writeBody(&b, g)
	over := g.done && g.step != nil
	if over {
		if g.midway {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "#%d %s\n", g.number, ending(g.step))
	}
	_, _ = d.w.Write(b.Bytes())
	if over {
		d.end(g)
	}
}

// writeBody writes output with the step's number in front of each line. The
// beginning of a line is written too, so that a question or a row of dots can
// be seen.
func (d *plain) writeBody(b *bytes.Buffer, g *group) {
	for len(g.body) > 0 {
		line, rest, whole := bytes.Cut(g.body, []byte("\n"))
		if !g.midway {
			fmt.Fprintf(b, "#%d ", g.number)
		}
		b.Write(line)
		if whole {
			b.WriteByte('\n')
		}
		g.midway, g.body = !whole, rest
	}
}

// begin writes the header of a group, which is a line of the log.
func (d *plain) begin(g *group) {
	switch {
	case g.step == nil || d.groups == NoGroups:
		_, _ = io.WriteString(d.w, g.header+"\n")
	case d.groups == GitHub:
		_, _ = io.WriteString(d.markers, "::group::"+g.header+"\n")
	default:
		_, _ = fmt.Fprintf(d.markers, "\x1b[0Ksection_start:%d:orch_%d[collapsed=true]\r\x1b[0K%s\n", time.Now().Unix(), g.number, g.header)
	}
}

func (d *plain) end(g *group) {
	switch d.groups {
	case GitHub:
		_, _ = io.WriteString(d.markers, "::endgroup::\n")
	case GitLab:
		_, _ = fmt.Fprintf(d.markers, "\x1b[0Ksection_end:%d:orch_%d\r\x1b[0K\n", time.Now().Unix(), g.number)
	}
}

func (d *plain) close() {
	for _, e := range d.ends {
		e.late = true
	}
	d.showEnds()
	for _, g := range d.queue {
		g.done = true
		if g.step != nil && !g.step.completed && g.step.failed == "" {
			g.step.failed = "context canceled"
		}
	}
	d.flush()
	writeWarnings(d.w, d.warnings, d.groups)
}

// writeWarnings writes what the frontend finds wrong with Dockerfiles.
func writeWarnings(w io.Writer, warnings []*client.VertexWarning, groups Groups) {
	for _, v := range warnings {
		at, text := "", termtext.Line(string(v.Short))
		if v.SourceInfo != nil && len(v.Range) > 0 {
			file, line := termtext.Line(v.SourceInfo.Filename), v.Range[0].GetStart().GetLine()
			if groups == GitHub {
				fmt.Fprintf(termtext.Raw(w), "::warning file=%s,line=%d::%s\n", strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(file),
					line, strings.ReplaceAll(text, "%", "%25"))
				continue
			}
			at = fmt.Sprintf(" (%s:%d)", file, line)
		}
		fmt.Fprintf(w, "Warning: %s%s\n", text, at)
	}
}
