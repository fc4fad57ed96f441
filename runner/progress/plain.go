package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// plain shows a run as lines, each step as one group. One step is shown while
// it runs; the others wait until theirs is complete, in the order in which they
// began, so that the lines of two steps never mix.
type plain struct {
	w        io.Writer // for text
	groups   groupMarks
	queue    []*group // the first is being shown
	steps    map[string]*lines
	shown    int // groups so far
	ends     targetEnds
	warnings []runner.Warning
}

// lines is a step and how it is shown.
type lines struct {
	*runner.Step
	group *group // while it is not over
	over  bool   // it has been shown
	fails bool   // its last end was a failure
}

// group is the lines of one step, or a line between steps.
type group struct {
	number int
	step   *lines
	header string
	body   []byte
	open   bool      // the header has been written
	since  time.Time // when its turn came, while it is held back
	done   bool
	midway bool // the last byte written was not the end of a line
	filter termtext.Filter
}

func newPlain(w io.Writer, groups Groups) *plain {
	return &plain{
		w: termtext.Colored(w), groups: groupMarks{form: groups, w: termtext.Raw(w)},
		steps: map[string]*lines{}, ends: targetEnds{steps: map[string][]string{}},
	}
}

func (d *plain) event(e runner.Event) {
	switch e := e.(type) {
	case runner.StepStarted:
		d.started(d.step(e.Step))
	case runner.StepChanged:
		d.step(e.Step)
	case runner.StepFinished:
		d.finished(d.step(e.Step))
	case runner.StepOutput:
		d.output(d.steps[e.ID], e.Data)
	case runner.TargetSteps:
		d.ends.steps[e.Target] = e.Steps
	case runner.Warning:
		d.warnings = append(d.warnings, e)
	}
}

// step takes what is known of a step now.
func (d *plain) step(s *runner.Step) *lines {
	l := d.steps[s.ID]
	if l == nil {
		l = &lines{}
		d.steps[s.ID] = l
	}
	l.Step = s
	return l
}

func (d *plain) started(s *lines) {
	// An exporter goes through several phases, each of which the builder
	// reports as a beginning and an end.
	if s.Internal || s.over && !s.fails || s.group != nil {
		return
	}
	d.add(s)
	d.flush()
}

func (d *plain) add(s *lines) {
	d.shown++
	s.group = &group{
		number: d.shown, step: s, filter: termtext.Filter{Colors: true},
		header: fmt.Sprintf("#%d %s", d.shown, termtext.Line(termtext.Brief(s.Title, termtext.MaxMessage))),
	}
	d.queue = append(d.queue, s.group)
}

func (d *plain) output(s *lines, data []byte) {
	if s != nil && s.group != nil {
		s.group.body = s.group.filter.Append(s.group.body, data)
		d.flush()
	}
}

func (d *plain) finished(s *lines) {
	if s.group == nil {
		if s.Error == "" && (s.over || s.Internal && s.Transfer.Sent == 0) {
			return
		}
		d.add(s)
	}
	s.group.done = true
	s.group.body = s.group.filter.End(s.group.body)
	s.group, s.over, s.fails = nil, true, s.Error != ""
	d.showEnds()
}

// ending is the last line of a step's group.
func ending(s *runner.Step) string {
	switch {
	case s.Error != "" && s.Canceled():
		return "CANCELED"
	case s.Error != "":
		return "ERROR: " + strings.ReplaceAll(termtext.Text(termtext.Brief(strings.TrimRight(s.Error, "\n"), termtext.MaxMessage)), "\n", "\n  ")
	case s.Cached:
		return "CACHED"
	case s.Transfer.Sent > 0:
		return fmt.Sprintf("sent %s, DONE %s", units.HumanSizeWithPrecision(float64(s.Transfer.Sent), 3), shortTime(s.Took))
	}
	return "DONE " + shortTime(s.Took)
}

func (d *plain) target(c *change) {
	if c.again != "" {
		d.line(c.again)
		d.flush()
	}
	if line := c.end(); c.told && line != "" {
		d.ends.add(c, line)
		d.showEnds()
	}
}

// line adds a line that belongs to no step.
func (d *plain) line(text string) {
	d.queue = append(d.queue, &group{header: termtext.Line(text), done: true})
}

// end is the line about the end of a target, or "".
func (c *change) end() string {
	line := c.name + " " + c.state.String()
	switch {
	case !c.state.Over(), c.state == runner.Canceled, c.state == runner.Blocked && c.counts[runner.Blocked] > 20:
		return "" // said by the one line at the end
	case c.state == runner.Blocked:
		line += " by " + c.cause
	case c.state == runner.Done:
		line += " in " + shortTime(c.took)
	}
	return fmt.Sprintf("%s (%s)", line, countsText(c.counts))
}

// showEnds shows the ends of targets that have waited for their steps, and
// whatever else may be shown.
func (d *plain) showEnds() {
	for _, line := range d.ends.ready(d.steps) {
		d.queue = append(d.queue, &group{header: line, done: true})
	}
	d.flush()
}

func (d *plain) wake() <-chan time.Time {
	if wake := d.ends.wake(); wake != nil {
		return wake
	}
	if d.groups.held != nil {
		return d.groups.held.C
	}
	return nil
}

func (d *plain) woken() { d.showEnds() }

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
	switch {
	case g.step == nil:
		_, _ = io.WriteString(d.w, g.header+"\n")
		return
	case d.groups.form != NoGroups:
		d.groups.write(d.w, g)
		return
	}
	if !g.open {
		g.open = true
		_, _ = io.WriteString(d.w, g.header+"\n")
	}
	text := g.lines()
	if g.done {
		text = fmt.Appendf(text, "#%d %s\n", g.number, ending(g.step.Step))
	}
	_, _ = d.w.Write(text)
}

// lines is the output that has not been written, with the step's number in front
// of each line. The beginning of a line is written too, so that a question or a row
// of dots can be seen; it ends when the step does.
func (g *group) lines() []byte {
	var b []byte
	for len(g.body) > 0 {
		line, rest, whole := bytes.Cut(g.body, []byte("\n"))
		if !g.midway {
			b = fmt.Appendf(b, "#%d ", g.number)
		}
		b = append(b, line...)
		if whole {
			b = append(b, '\n')
		}
		g.midway, g.body = !whole, rest
	}
	if g.done && g.midway {
		b, g.midway = append(b, '\n'), false
	}
	return b
}

func (d *plain) close() {
	d.ends.giveUp()
	d.showEnds()
	for _, g := range d.queue {
		g.done = true
		if g.step != nil && !g.step.Done && g.step.Error == "" {
			canceled := *g.step.Step
			canceled.Error = "context canceled"
			g.step.Step = &canceled
		}
	}
	d.flush()
	writeWarnings(d.w, d.warnings, d.groups.form)
}
