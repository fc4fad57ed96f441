package progress

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/keys"
)

// Terminal describes the terminal that a run is shown on.
type Terminal struct {
	// Size returns the number of columns and rows.
	Size func() (width, height int)
	// Color says whether colours may be used.
	Color bool
	// Late says that Size may lag behind what the terminal does.
	Late bool
}

const (
	// redrawEvery is the time between two pictures.
	redrawEvery = 100 * time.Millisecond
	// manyTargets is how many targets a run may have before those in which nothing is
	// new have no line of their own.
	manyTargets = 20
	// minWidth and minHeight are the least that is drawn for.
	minWidth, minHeight = 20, 6
)

// tty shows a run on a terminal: a block of lines at the bottom that is drawn
// again and again, with how far the targets are and the steps that run, and
// above it a line for each target that is over. With keys, the block is also what
// the user chooses to see.
type tty struct {
	w        io.Writer // steers the terminal
	out      io.Writer // for text
	term     *Terminal
	begun    time.Time
	ticker   *time.Ticker
	board    *board
	view     view
	left     func() time.Duration
	above    []string // lines to be left above the block
	quiet    int      // targets in which nothing is new, without a line
	drawn    []int    // the widths of the lines of the block on the screen
	resting  bool     // somebody else has the screen
	narrow   narrow
	warnings []runner.Warning
}

func newTTY(opt Options) *tty {
	d := &tty{
		w: termtext.Raw(opt.Out), out: opt.Out, term: opt.Terminal, begun: time.Now(), ticker: time.NewTicker(redrawEvery),
		board: newBoard(), left: opt.Left,
	}
	if d.left == nil {
		d.left = func() time.Duration { return 0 }
	}
	d.board.keep = opt.Controls != nil
	d.view.controls = opt.Controls
	return d
}

func (d *tty) wake() <-chan time.Time { return d.ticker.C }

func (d *tty) woken() {
	if !d.view.paused && !d.resting {
		d.draw(d.block())
	}
}

func (d *tty) begin(o *outline) { d.board.begin(o) }

func (d *tty) event(e runner.Event) {
	d.board.event(e)
	if w, ok := e.(runner.Warning); ok {
		d.warnings = append(d.warnings, w)
	}
}

// key does what a key stands for.
func (d *tty) key(k keys.Key) {
	d.view.key(k, d.board)
	d.draw(d.block())
}

// note shows a line until the next key.
func (d *tty) note(text string) {
	d.view.note = text
	d.draw(d.block())
}

// rest leaves the screen as it is.
func (d *tty) rest() { d.drawn, d.resting = nil, true }

// redraw draws below what somebody else has written.
func (d *tty) redraw() {
	d.drawn, d.resting = nil, false
	d.draw(d.block())
}

func (d *tty) target(c *change) {
	d.board.target(c)
	if c.again != "" {
		d.above = append(d.above, d.paint("33", "↻")+" "+termtext.Line(c.again))
	}
	if !c.told {
		return
	}
	switch c.state {
	case runner.Done:
		if len(d.board.targets) > manyTargets && !d.board.byName[c.name].news {
			d.quiet++
			return
		}
		d.above = append(d.above, d.paint("32", "✔")+" "+termtext.Line(c.name)+" "+d.paint("2", shortTime(c.took)))
	case runner.Failed:
		d.failed(c)
	case runner.Blocked:
		d.above = append(d.above, d.paint("33", "⊘")+" "+c.name+" blocked by "+c.cause)
	case runner.Canceled:
		if c.stopped {
			d.above = append(d.above, d.paint("33", "⊘")+" "+c.name+" stopped")
		}
	}
}

// maxReason is how many lines the reason of a failure has while the run goes on.
const maxReason = 3

// failed says at once where and why a target has failed.
func (d *tty) failed(c *change) {
	width, _ := d.size()
	text := termtext.Wrap(termtext.Line(c.name+c.why), width-3, "")
	lines := strings.Split(text, "\n")
	if len(lines) > maxReason {
		lines = lines[:maxReason]
		lines[maxReason-1] += " …"
	}
	for i, l := range lines {
		l = termtext.Clip(l, width-3)
		switch rest, named := strings.CutPrefix(l, c.name); {
		case i > 0:
			d.above = append(d.above, "  "+l)
		case named:
			d.above = append(d.above, d.paint("31;1", "✘")+" "+d.paint("1", c.name)+rest)
		default:
			d.above = append(d.above, d.paint("31;1", "✘")+" "+l)
		}
	}
}

// whyFailed says in some words where and why a target failed, as the rest of a
// run may take long and the whole comes at its end.
func whyFailed(err error) string {
	var f *runner.Failure
	if !errors.As(err, &f) {
		return " failed"
	}
	text := " failed"
	if f.File != "" {
		text = fmt.Sprintf("  %s:%d", f.File, f.Line)
	}
	says := ""
	for _, l := range f.Log {
		if strings.TrimSpace(l) != "" {
			says = strings.TrimSpace(l)
		}
	}
	switch {
	case f.ExitCode > 0 && says != "":
		return fmt.Sprintf("%s  exit %d: %s", text, f.ExitCode, says)
	case says != "":
		return text + "  " + says
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

func (d *tty) size() (width, height int) {
	width, height = d.term.Size()
	return max(width, minWidth), max(height, minHeight)
}

// draw puts the block anew, below what stays. Each line is written over the
// one that was there, so that nothing flickers.
func (d *tty) draw(block []string) {
	above := d.above
	var b strings.Builder
	rows := d.rows()
	if d.term.Late {
		d.narrow.keep(d.above)
		if width, height := d.size(); d.narrow.anew(width, block == nil) {
			above = d.narrow.fresh(&b, width, height, height-len(block)-1)
			rows = 0
		}
	}
	d.above = nil
	if rows > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", rows)
	}
	for _, line := range append(above, block...) {
		b.WriteString(line + "\x1b[K\n")
	}
	if rows > 0 {
		b.WriteString("\x1b[J")
	}
	d.drawn = d.drawn[:0]
	for _, line := range block {
		d.drawn = append(d.drawn, termtext.Width(line))
	}
	_, _ = io.WriteString(d.w, b.String())
}

// rows is how many rows the block on the screen takes now: a terminal that became
// narrower has broken its lines.
func (d *tty) rows() int {
	width, height := d.size()
	rows := 0
	for _, w := range d.drawn {
		rows += rowsOf(w, width)
	}
	return min(rows, height-1)
}

// block is how far the targets are, and what runs or what the user wants to see.
func (d *tty) block() []string {
	width, height := d.size()
	var hints []string
	if d.view.controls != nil {
		hints = append(hints, "? keys")
	}
	block := []string{d.paint("1", d.board.status(time.Since(d.begun), d.left(), width-1, hints...))}
	bottom := d.view.bottom(d, width-1)
	bottom = bottom[:min(len(bottom), height/2)]
	room := height - 4 - len(bottom)
	switch {
	case d.view.mode == watching:
		block = append(block, d.steps(width-1, room)...)
	case room > 0:
		block = append(block, d.view.lines(d, width-1, room)...)
	}
	return append(block, bottom...)
}

// steps are the steps that run, with the ends of their output.
func (d *tty) steps(width, room int) []string {
	var block []string
	running := d.board.running()
	outputs := (room + 1) / max(1, len(running))
	for i, s := range running {
		if len(block) >= room && i < len(running)-1 {
			block = append(block, fmt.Sprintf(" … and %d more", len(running)-i))
			break
		}
		below := outputs > 1
		block = append(block, d.stepLine(s, width, !below))
		if below {
			for _, l := range s.tail(min(outputs-1, 4)) {
				block = append(block, d.paint("2", termtext.Clip("    "+termtext.Final(l), width)))
			}
		}
	}
	return block
}

// stepLine is the line of a step that runs. If it has no lines of output below it
// and its command does not fit, the last line that it printed takes the place of the
// command.
func (d *tty) stepLine(s *stepLog, width int, alone bool) string {
	took := shortTime(s.Took + time.Since(s.Began))
	name := s.Title
	if n := s.Transfer.Sent; n > 0 {
		name += fmt.Sprintf(" (%.1fMB)", float64(n)/1e6)
	}
	room := max(width-len(took)-5, 5)
	whose, what := titleParts(termtext.Final(name))
	if short := withoutStage(whose); ofItsTarget(whose) || termtext.Width(whose)+minWhat > room {
		whose = shorter(short, room-minWhat)
	}
	if last := s.last(); alone && last != "" && whose != "" && termtext.Width(whose+what) > room {
		what = strings.TrimSpace(termtext.Final(last))
	}
	text := clipWords(whose+what, room)
	fill := strings.Repeat(" ", max(1, room-termtext.Width(text)+1))
	if rest, whole := strings.CutPrefix(text, whose); whole && whose != "" {
		text = d.paint("1", strings.TrimRight(whose, " ")) + " " + rest
	}
	return " " + d.paint("36", "=>") + " " + text + fill + took
}

// minWhat is how many columns are worth having for what a step does.
const minWhat = 14

// withoutStage makes "[target: stage 1/2] " shorter: "[target 1/2] ".
func withoutStage(whose string) string {
	name, rest, found := strings.Cut(whose, ": ")
	if at := strings.LastIndexByte(strings.TrimSpace(rest), ' '); found && at > 0 {
		return name + rest[at:]
	}
	return whose
}

// ofItsTarget says whether a step is of a stage that has the name of the target, as in
// "[api: api 1/2] ".
func ofItsTarget(whose string) bool {
	name, rest, _ := strings.Cut(strings.TrimPrefix(whose, "["), ": ")
	return strings.HasPrefix(rest, name+" ")
}

// minName is how many columns a name keeps where there is little room.
const minName = 9

// shorter cuts the name in "[target 1/2] ", for the whole to have so many columns.
func shorter(whose string, width int) string {
	over := termtext.Width(whose) - width
	at := strings.LastIndexByte(strings.TrimSpace(whose), ' ')
	if over <= 0 || at < 1 {
		return whose
	}
	name := whose[1:at]
	return "[" + termtext.Clip(name, max(termtext.Width(name)-over, minName)) + whose[at:]
}

// titleParts parts the title of a step behind the brackets in front of it.
func titleParts(title string) (whose, what string) {
	if at := strings.Index(title, "] "); strings.HasPrefix(title, "[") && at > 0 {
		return title[:at+2], title[at+2:]
	}
	return "", title
}

// close leaves what is to stay on the screen.
func (d *tty) close() {
	d.ticker.Stop()
	if d.quiet > 0 {
		d.above = append(d.above, fmt.Sprintf("%s %s with nothing new", d.paint("32", "✔"), termtext.Count(d.quiet, "target")))
	}
	d.draw(nil)
	writeWarnings(d.out, d.warnings, NoGroups)
}
