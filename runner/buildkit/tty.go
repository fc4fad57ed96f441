package buildkit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// Terminal describes the terminal that a run is shown on.
type Terminal struct {
	// Size returns the number of columns and rows.
	Size func() (width, height int)
	// Color says whether colours may be used.
	Color bool
}

// redrawEvery is the time between two pictures.
const redrawEvery = 100 * time.Millisecond

// tty shows a run on a terminal: a block of lines at the bottom that is drawn
// again and again, with how far the targets are and the steps that run, and
// above it a line for each target that is over.
type tty struct {
	p        *Progress
	w        io.Writer // steers the terminal
	out      io.Writer // for text
	term     *Terminal
	begun    time.Time
	counts   runner.Counts
	running  []*step
	above    []string // lines to be left above the block
	drawn    int      // lines of the block on the screen
	warnings []*client.VertexWarning
	stop     chan struct{}
	stopped  chan struct{}
}

func newTTY(p *Progress, w io.Writer, term *Terminal) *tty {
	d := &tty{p: p, w: termtext.Raw(w), out: w, term: term, begun: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(d.stopped)
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.mu.Lock()
				d.draw(false)
				p.mu.Unlock()
			case <-d.stop:
				return
			}
		}
	}()
	return d
}

func (d *tty) status(s *client.SolveStatus) { d.warnings = append(d.warnings, s.Warnings...) }

func (d *tty) started(s *step) { d.running = append(d.running, s) }

func (d *tty) output(*step, []byte) {}

func (d *tty) finished(s *step) {
	d.running = slices.DeleteFunc(d.running, func(r *step) bool { return r == s })
}

func (d *tty) target(t *runner.TargetReport, c runner.Counts) {
	d.counts = c
	if why := d.p.again(t); why != "" {
		d.above = append(d.above, d.paint("33", "↻")+" "+termtext.Line(why))
	}
	if len(d.p.planBuilds()) < 2 {
		return
	}
	switch t.State {
	case runner.Done:
		d.above = append(d.above, d.paint("32", "✔")+" "+termtext.Line(t.Name())+" "+d.paint("2", shortTime(t.Took)))
	case runner.Failed:
		width, _ := d.term.Size()
		line := termtext.Line(t.Name() + " failed" + whyFailed(t.Err))
		d.above = append(d.above, d.paint("31;1", "✘")+" "+termtext.Clip(line, max(width, 20)-3))
	case runner.Blocked:
		d.above = append(d.above, d.paint("33", "⊘")+" "+t.Name()+" blocked by "+t.Cause)
	}
}

// whyFailed says in some words where and why a target failed, as the rest of a
// run may take long and the whole comes at its end.
func whyFailed(err error) string {
	var f *runner.Failure
	if !errors.As(err, &f) {
		return ""
	}
	text := ""
	if f.File != "" {
		text = fmt.Sprintf("  %s:%d", f.File, f.Line)
	}
	switch {
	case len(f.Log) > 0:
		return text + "  " + f.Log[len(f.Log)-1]
	case f.Reason != "":
		return text + "  " + f.Reason
	}
	return text + "  " + f.Err.Error()
}

// paint colours a text, if the terminal may have colours.
func (d *tty) paint(code, text string) string {
	if !d.term.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// draw puts the block anew, below what stays. Each line is written over the
// one that was there, so that nothing flickers.
func (d *tty) draw(last bool) {
	lines := d.above
	d.above = nil
	var block []string
	if !last {
		block = d.block()
	}
	var b bytes.Buffer
	if d.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", d.drawn)
	}
	for _, line := range append(lines, block...) {
		b.WriteString(line + "\x1b[K\n")
	}
	if d.drawn > 0 {
		b.WriteString("\x1b[J")
	}
	d.drawn = len(block)
	_, _ = d.w.Write(b.Bytes())
}

// block is how far the targets are, and what runs.
func (d *tty) block() []string {
	width, height := d.term.Size()
	width, height = max(width, 20), max(height, 6)
	room := height - 3
	lines := []string{d.paint("1", termtext.Clip(fmt.Sprintf("[+] %s  %s", shortTime(time.Since(d.begun)), countsText(d.counts)), width-1))}
	running := slices.Clone(d.running)
	slices.SortStableFunc(running, func(a, b *step) int { return cmp.Compare(a.number, b.number) })
	outputs := room / max(1, len(running))
	for i, s := range running {
		if len(lines) >= room && i < len(running)-1 {
			lines = append(lines, fmt.Sprintf(" … and %d more", len(running)-i))
			break
		}
		lines = append(lines, d.stepLine(s, width-1))
		if outputs > 1 {
			for _, l := range s.tail(min(outputs-1, 4)) {
				lines = append(lines, d.paint("2", termtext.Clip("    "+printable(l), width-1)))
			}
		}
	}
	return lines
}

// stepLine is the line of a step that runs.
func (d *tty) stepLine(s *step, width int) string {
	took := shortTime(s.spent + time.Since(s.begun))
	name := d.p.shownName(s)
	if s.label == "" && len(s.targets) == 1 && len(d.p.planBuilds()) > 1 {
		name = "[" + s.targets[0] + "] " + name
	}
	if n := s.sent(); n > 0 {
		name += fmt.Sprintf(" (%.1fMB)", float64(n)/1e6)
	}
	room := max(width-len(took)-5, 5)
	name = termtext.Clip(printable(name), room)
	return " " + d.paint("36", "=>") + " " + name + strings.Repeat(" ", max(1, room-termtext.Width(name)+1)) + took
}

// printable is a line of output as it is on a terminal in the end, without what
// would move the cursor or colour the screen.
func printable(s string) string {
	if i := strings.LastIndexByte(strings.TrimRight(s, "\r"), '\r'); i >= 0 {
		s = s[i+1:]
	}
	return termtext.Line(s)
}

// close is called with the lock held, which the drawing goroutine may be
// waiting for.
func (d *tty) close() {
	close(d.stop)
	d.p.mu.Unlock()
	<-d.stopped
	d.p.mu.Lock()
	d.draw(true)
	writeWarnings(d.out, d.warnings, NoGroups)
}
