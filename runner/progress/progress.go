package progress

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/keys"
)

// Modes are the values of Options.Mode.
var Modes = []string{"auto", "plain", "tty", "quiet", "rawjson"}

// Options say how a run is shown.
type Options struct {
	// Mode is one of Modes; "auto" is tty on a terminal and plain elsewhere.
	Mode string
	// Out is where it is shown.
	Out io.Writer
	// Terminal describes Out if it is a terminal, or is nil.
	Terminal *Terminal
	// Groups is the form in which plain mode marks groups of lines.
	Groups Groups
	// Several says that the run has more than one target, so that it is said how
	// each of them ends.
	Several bool
	// Controls are what keys do to the run; nil if no keys are read.
	Controls *Controls
	// Left is how long the run may still take, or 0 if that is not known; nil never
	// knows.
	Left func() time.Duration
	// Restore is called when the display ends, also if it panics; it may be nil.
	Restore func()
	// Mask makes secrets unreadable in a text; nil leaves it as it is.
	Mask func(string) string
}

// Display shows a run. Its methods may be called from several goroutines; what
// they get is drawn, in order, by one of its own.
type Display struct {
	in      chan any
	done    chan struct{}
	drawer  drawer
	several bool
	mask    func(string) string
	retried map[string]int // targets that are tried again, by the reason
	begun   bool           // the outline of the run was sent; only Changed uses it
}

// drawer is one form of a display. Its methods are called by one goroutine.
type drawer interface {
	event(e runner.Event)
	target(c *change)
	// wake is when the drawer wants to be woken next; nil is never.
	wake() <-chan time.Time
	woken()
	// close shows what is left to show.
	close()
}

// change is a target whose state has changed, as it was then.
type change struct {
	name  string
	state runner.State
	took  time.Duration
	// stopped says that the user had it stopped.
	stopped bool
	cause   string // the target that blocks it
	why     string // where and why it failed, in some words
	again   string // the line about its being tried again, or ""
	told    bool   // the end of the target is shown
	counts  runner.Counts
}

// outline is what a run consists of.
type outline struct {
	targets []targetLine
	stages  int
}

// outlineOf is the outline of a run.
func outlineOf(r *runner.Report) *outline {
	o := &outline{}
	for _, t := range r.Targets {
		line := targetLine{name: t.Name(), state: t.State}
		for _, in := range t.Build.Inputs {
			line.inputs = append(line.inputs, in.Name())
		}
		o.targets = append(o.targets, line)
	}
	if r.Plan != nil && r.Plan.Graph != nil {
		for _, v := range r.Plan.Graph.Vertices {
			if v.Kind == planner.Stage {
				o.stages++
			}
		}
	}
	return o
}

// New starts a display. An unknown mode, or the mode "tty" where there is no
// terminal, is an error.
func New(opt Options) (*Display, error) {
	if !slices.Contains(Modes, opt.Mode) {
		return nil, fmt.Errorf("unknown progress mode %q; known are %s", opt.Mode, strings.Join(Modes, ", "))
	}
	if opt.Mask == nil {
		opt.Mask = func(s string) string { return s }
	}
	d := &Display{
		in: make(chan any, 256), done: make(chan struct{}),
		several: opt.Several, mask: opt.Mask, retried: map[string]int{},
	}
	switch mode := opt.Mode; {
	case mode == "tty" && opt.Terminal == nil:
		return nil, fmt.Errorf("starting progress display: the mode tty needs a terminal")
	case mode == "tty" || mode == "auto" && opt.Terminal != nil:
		d.drawer = newTTY(opt)
	case mode == "plain" || mode == "auto":
		d.drawer = newPlain(opt.Out, opt.Groups)
	case mode == "rawjson":
		d.drawer = newRawJSON(opt.Out)
	default:
		d.drawer = quiet{}
	}
	if t, ok := d.drawer.(*tty); ok {
		t.view.show = d.Note
	}
	go d.run(opt.Restore)
	return d, nil
}

// run draws until the display is closed.
func (d *Display) run(restore func()) {
	if restore != nil {
		defer restore()
	}
	defer close(d.done)
	for {
		select {
		case m := <-d.in:
			switch m := m.(type) {
			case closing:
				d.drawer.close()
				return
			case func(*tty):
				if t, ok := d.drawer.(*tty); ok {
					m(t)
				}
			case runner.Event:
				d.drawer.event(m)
			case *change:
				m.again = d.again(m)
				d.drawer.target(m)
			}
		case <-d.drawer.wake():
			d.drawer.woken()
		}
	}
}

// closing is the last thing that a display gets.
type closing struct{}

// send gives the display something, unless it is closed.
func (d *Display) send(m any) {
	select {
	case d.in <- m:
	case <-d.done:
	}
}

// Event shows something that happened in the run.
func (d *Display) Event(e runner.Event) { d.send(e) }

// Changed shows that a target's state has changed.
func (d *Display) Changed(r *runner.Report, t *runner.TargetReport) {
	if !d.begun {
		d.begun = true
		o := outlineOf(r)
		d.send(func(t *tty) { t.begin(o) })
	}
	c := &change{
		name: t.Name(), state: t.State, took: t.Took, cause: t.Cause,
		again: t.Again(), told: d.several, counts: r.Count(),
		stopped: errors.Is(t.Err, runner.ErrStopped),
	}
	if t.State == runner.Failed {
		c.why = whyFailed(t.Err)
	}
	d.send(c)
}

// Key does what a key of the user stands for.
func (d *Display) Key(k keys.Key) { d.send(func(t *tty) { t.key(k) }) }

// restTime is how long a display may take to come to rest.
const restTime = time.Second

// Rest leaves the screen to somebody else until Redraw. When it returns, nothing is
// drawn any more.
func (d *Display) Rest() {
	resting := make(chan struct{})
	d.send(func(t *tty) {
		t.rest()
		close(resting)
	})
	select {
	case <-resting:
	case <-d.done:
	case <-time.After(restTime):
	}
}

// Redraw draws anew, below what somebody else has written on the screen.
func (d *Display) Redraw() { d.send((*tty).redraw) }

// Note shows a line to the user until the next key.
func (d *Display) Note(text string) { d.send(func(t *tty) { t.note(text) }) }

// Close waits until everything has been shown. What comes later is dropped.
func (d *Display) Close() {
	d.send(closing{})
	<-d.done
}

// maxRetried is how many targets are named that are tried again for one reason.
const maxRetried = 5

// again is the line about a target that is tried again, or "".
func (d *Display) again(c *change) string {
	why := d.mask(c.again)
	if why == "" {
		return ""
	}
	d.retried[why]++
	switch n := d.retried[why]; {
	case n > maxRetried+1:
		return ""
	case n > maxRetried:
		return "More targets are tried again: " + why
	}
	return c.name + " is tried again: " + why
}

// shortTime is a time for people.
func shortTime(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
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

// writeWarnings writes what the builder warns of.
func writeWarnings(w io.Writer, warnings []runner.Warning, groups Groups) {
	for _, v := range warnings {
		at, text := "", termtext.Line(v.Text)
		if v.File != "" {
			file := termtext.Line(v.File)
			if groups == GitHub {
				fmt.Fprintf(termtext.Raw(w), "::warning file=%s,line=%d::%s\n", strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(file),
					v.Line, strings.ReplaceAll(text, "%", "%25"))
				continue
			}
			at = fmt.Sprintf(" (%s:%d)", file, v.Line)
		}
		fmt.Fprintf(w, "Warning: %s%s\n", text, at)
	}
}
