package progress

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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

// maxTail bounds what is kept of the output of a step that runs.
const maxTail = 64 << 10

// tty shows a run on a terminal: a block of lines at the bottom that is drawn
// again and again, with how far the targets are and the steps that run, and
// above it a line for each target that is over.
type tty struct {
	w        io.Writer // steers the terminal
	out      io.Writer // for text
	term     *Terminal
	begun    time.Time
	ticker   *time.Ticker
	counts   runner.Counts
	running  []*runningStep
	above    []string // lines to be left above the block
	drawn    int      // lines of the block on the screen
	warnings []runner.Warning
}

// runningStep is a step that runs, with the end of its output.
type runningStep struct {
	*runner.Step
	log []byte
}

func newTTY(w io.Writer, term *Terminal) *tty {
	return &tty{w: termtext.Raw(w), out: w, term: term, begun: time.Now(), ticker: time.NewTicker(redrawEvery)}
}

func (d *tty) wake() <-chan time.Time { return d.ticker.C }
func (d *tty) woken()                 { d.draw(d.block()) }

func (d *tty) event(e runner.Event) {
	switch e := e.(type) {
	case runner.StepStarted:
		d.running = append(d.running, &runningStep{Step: e.Step})
	case runner.StepChanged:
		if s := d.step(e.ID); s != nil {
			s.Step = e.Step
		}
	case runner.StepOutput:
		if s := d.step(e.ID); s != nil {
			s.log = append(s.log, e.Data...)
			s.log = s.log[max(0, len(s.log)-maxTail):]
		}
	case runner.StepFinished:
		d.running = slices.DeleteFunc(d.running, func(s *runningStep) bool { return s.ID == e.ID })
	case runner.Warning:
		d.warnings = append(d.warnings, e)
	}
}

// step is a step that runs, or nil.
func (d *tty) step(id string) *runningStep {
	i := slices.IndexFunc(d.running, func(s *runningStep) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return d.running[i]
}

// tail returns the last n lines of what a step has printed.
func (s *runningStep) tail(n int) []string {
	text := strings.TrimRight(string(s.log), "\n")
	if text == "" {
		return nil
	}
	all := strings.Split(text, "\n")
	return all[max(0, len(all)-n):]
}

func (d *tty) target(c *change) {
	d.counts = c.counts
	if c.again != "" {
		d.above = append(d.above, d.paint("33", "↻")+" "+termtext.Line(c.again))
	}
	if !c.told {
		return
	}
	switch c.state {
	case runner.Done:
		d.above = append(d.above, d.paint("32", "✔")+" "+termtext.Line(c.name)+" "+d.paint("2", shortTime(c.took)))
	case runner.Failed:
		width, _ := d.term.Size()
		line := termtext.Line(c.name + " failed" + c.why)
		d.above = append(d.above, d.paint("31;1", "✘")+" "+termtext.Clip(line, max(width, 20)-3))
	case runner.Blocked:
		d.above = append(d.above, d.paint("33", "⊘")+" "+c.name+" blocked by "+c.cause)
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
func (d *tty) draw(block []string) {
	above := d.above
	d.above = nil
	var b bytes.Buffer
	if d.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", d.drawn)
	}
	for _, line := range append(above, block...) {
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
	block := []string{d.paint("1", termtext.Clip(fmt.Sprintf("[+] %s  %s", shortTime(time.Since(d.begun)), countsText(d.counts)), width-1))}
	running := slices.Clone(d.running)
	slices.SortStableFunc(running, func(a, b *runningStep) int { return cmp.Compare(a.Number, b.Number) })
	outputs := room / max(1, len(running))
	for i, s := range running {
		if len(block) >= room && i < len(running)-1 {
			block = append(block, fmt.Sprintf(" … and %d more", len(running)-i))
			break
		}
		block = append(block, d.stepLine(s, width-1))
		if outputs > 1 {
			for _, l := range s.tail(min(outputs-1, 4)) {
				block = append(block, d.paint("2", termtext.Clip("    "+termtext.Final(l), width-1)))
			}
		}
	}
	return block
}

// stepLine is the line of a step that runs.
func (d *tty) stepLine(s *runningStep, width int) string {
	took := shortTime(s.Took + time.Since(s.Began))
	name := s.Title
	if n := s.Transfer.Sent; n > 0 {
		name += fmt.Sprintf(" (%.1fMB)", float64(n)/1e6)
	}
	room := max(width-len(took)-5, 5)
	name = termtext.Clip(termtext.Final(name), room)
	return " " + d.paint("36", "=>") + " " + name + strings.Repeat(" ", max(1, room-termtext.Width(name)+1)) + took
}

// close leaves what is to stay on the screen.
func (d *tty) close() {
	d.ticker.Stop()
	d.draw(nil)
	writeWarnings(d.out, d.warnings, NoGroups)
}
