package progress

import (
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/keys"
)

// Controls are what keys do to a run. The functions must return at once.
type Controls struct {
	// Stop stops a target.
	Stop func(target string)
	// Page shows the page of the run, and calls note with a line for the user.
	Page func(note func(string))
	// Quit interrupts the run.
	Quit func()
}

// viewMode is what the user has chosen to see.
type viewMode int

const (
	watching viewMode = iota // what runs
	choosing                 // the targets, and the log of one of them
	reading                  // the log of one target
)

// view is what the user has chosen to see of a run.
type view struct {
	controls *Controls
	mode     viewMode
	chosen   string // the name of a target
	// filters hold what names of targets, or lines of a log, must contain.
	filters [reading + 1]string
	typing  bool // a filter is being written
	back    int  // lines of the log below the last one that is shown
	page    int  // lines of the log that were shown last
	paused  bool
	help    bool
	asking  string // the target that is to be stopped after a yes
	note    string // a line for the user
	show    func(string)
}

// key does what a key stands for.
func (v *view) key(k keys.Key, b *board) {
	v.note = ""
	switch {
	case v.asking != "":
		if k == "y" || k == "Y" {
			v.controls.Stop(v.asking)
			v.note = "Stopping " + v.asking + "."
		}
		v.asking = ""
	case v.typing:
		v.write(k, b)
	case v.move(k, b):
	default:
		v.command(k, b)
	}
}

// write changes the filter that is being written.
func (v *view) write(k keys.Key, b *board) {
	filter := &v.filters[v.mode]
	switch {
	case k == keys.Enter:
		v.typing = false
	case k == keys.Escape:
		*filter, v.typing = "", false
	case k == keys.Backspace:
		if runes := []rune(*filter); len(runes) > 0 {
			*filter = string(runes[:len(runes)-1])
		}
	case k.Text() != "":
		*filter += k.Text()
	default:
		v.move(k, b)
	}
	v.back = 0
	v.choose(b)
}

// move moves in the list of targets or in a log, and says whether the key is one
// that does.
func (v *view) move(k keys.Key, b *board) bool {
	by := 0
	switch k {
	case keys.Up, "k":
		by = -1
	case keys.Down, "j":
		by = 1
	case keys.PageUp:
		v.back += max(1, v.page-1)
	case keys.PageDown:
		v.back = max(0, v.back-max(1, v.page-1))
	case keys.Home, "g":
		v.back = maxTail * len(b.order) // more than there is
	case keys.End, "G":
		v.back = 0
	default:
		return false
	}
	switch {
	case v.mode == watching:
		v.mode = choosing
		v.choose(b)
	case v.mode == reading:
		v.back = max(0, v.back-by)
	case by != 0:
		v.next(by, b)
	}
	return true
}

// command does what a key stands for that moves nothing.
func (v *view) command(k keys.Key, b *board) {
	switch k {
	case keys.Enter:
		if v.mode == choosing && v.chosen != "" {
			v.mode = reading
		} else {
			v.mode = choosing
		}
		v.choose(b)
	case keys.Escape:
		v.escape()
	case "/":
		if v.mode == watching {
			v.mode = choosing
		}
		v.typing = true
		v.choose(b)
	case " ":
		v.paused = !v.paused
	case "x":
		v.askToStop(b)
	case "o":
		v.controls.Page(v.show)
	case "?":
		v.help = !v.help
	case "q":
		v.note = "Interrupting the run."
		v.controls.Quit()
	}
}

// escape goes one step back.
func (v *view) escape() {
	switch {
	case v.help:
		v.help = false
	case v.filters[v.mode] != "":
		v.filters[v.mode] = ""
	case v.mode == reading:
		v.mode, v.back = choosing, 0
	default:
		v.mode, v.back = watching, 0
	}
}

// askToStop asks whether the chosen target is to be stopped.
func (v *view) askToStop(b *board) {
	if v.mode == watching {
		v.mode = choosing
	}
	v.choose(b)
	t := b.byName[v.chosen]
	switch {
	case t == nil:
		v.note = "There is no target to stop."
	case t.state.Over():
		v.note = v.chosen + " is over already."
	default:
		v.asking = v.chosen
	}
}

// listed are the targets that match the filter: those first that the user may want
// to see.
func (v *view) listed(b *board) []*targetLine {
	var out []*targetLine
	for _, t := range b.targets {
		if strings.Contains(strings.ToLower(t.name), strings.ToLower(v.filters[choosing])) {
			out = append(out, t)
		}
	}
	rank := map[runner.State]int{runner.Running: 1, runner.Ready: 2, runner.Waiting: 2, runner.Blocked: 3, runner.Canceled: 3, runner.Done: 4}
	slices.SortStableFunc(out, func(x, y *targetLine) int { return rank[x.state] - rank[y.state] })
	return out
}

// choose keeps the chosen target, or takes the first one, which if possible is one
// that runs.
func (v *view) choose(b *board) {
	all := v.listed(b)
	if slices.ContainsFunc(all, func(t *targetLine) bool { return t.name == v.chosen }) {
		return
	}
	v.chosen, v.back = "", 0
	for _, t := range all {
		if v.chosen == "" || t.state == runner.Running {
			v.chosen = t.name
		}
		if t.state == runner.Running {
			return
		}
	}
}

// next chooses another target of the list.
func (v *view) next(by int, b *board) {
	all := v.listed(b)
	if len(all) == 0 {
		return
	}
	at := slices.IndexFunc(all, func(t *targetLine) bool { return t.name == v.chosen })
	at = min(max(0, at+by), len(all)-1)
	if all[at].name != v.chosen {
		v.chosen, v.back = all[at].name, 0
	}
}

// stateText is the state of a target in a word.
func stateText(t *targetLine) string {
	if t.state == runner.Canceled {
		return "stopped"
	}
	return t.state.String()
}

// lines are the lines of what the user has chosen to see.
func (v *view) lines(d *tty, width, room int) []string {
	v.choose(d.board)
	var out []string
	if v.mode == choosing {
		all := v.listed(d.board)
		rows := min(len(all), max(3, room/3))
		rows = max(1, min(rows, room-3))
		out = v.list(d, all, width, rows)
	}
	if v.chosen == "" || len(out)+2 > room {
		return out
	}
	title := "── " + v.chosen + " "
	if v.back > 0 {
		title += "(" + termtext.Count(v.back, "line") + " more below) "
	}
	title = termtext.Clip(title, width)
	out = append(out, d.paint("2", title+strings.Repeat("─", max(0, width-termtext.Width(title)))))
	return append(out, v.log(d, width, max(1, room-len(out)))...)
}

// list are some rows of the list of targets, around the chosen one.
func (v *view) list(d *tty, all []*targetLine, width, rows int) []string {
	if len(all) == 0 {
		return []string{d.paint("2", "  no target matches")}
	}
	at := slices.IndexFunc(all, func(t *targetLine) bool { return t.name == v.chosen })
	from := min(max(0, at-rows/2), max(0, len(all)-rows))
	names := 0
	for _, t := range all[from:min(len(all), from+rows)] {
		names = max(names, termtext.Width(t.name))
	}
	names = min(names, width/2)
	var out []string
	for _, t := range all[from:min(len(all), from+rows)] {
		mark := "  "
		if t.name == v.chosen {
			mark = "> "
		}
		sign, color := sign(t.state)
		name := termtext.Pad(termtext.Clip(termtext.Line(t.name), names), names)
		if t.name == v.chosen {
			name = d.paint("1", name)
		}
		text := clipWords(v.says(d.board, t), max(1, width-names-6))
		out = append(out, strings.TrimRight(mark+d.paint(color, sign)+" "+name+"  "+text, " "))
	}
	return out
}

// sign is the mark of a state, and its colour.
func sign(s runner.State) (sign, color string) {
	switch s {
	case runner.Done:
		return "✔", "32"
	case runner.Failed:
		return "✘", "31;1"
	case runner.Blocked, runner.Canceled:
		return "⊘", "33"
	case runner.Running:
		return "*", "36"
	}
	return "·", "2"
}

// says is what the list says of a target.
func (v *view) says(b *board, t *targetLine) string {
	switch t.state {
	case runner.Running:
		text := shortTime(time.Since(t.began))
		for _, s := range b.stepsOf(t.name) {
			if !s.Done {
				_, what := titleParts(s.Title)
				return text + "  " + termtext.Final(strings.TrimSpace(s.Label+" "+what))
			}
		}
		return text
	case runner.Ready:
		return "waits for a place"
	case runner.Waiting:
		if in := b.waitsFor(t); len(in) > 0 {
			return "waits for " + strings.Join(in, ", ")
		}
		return "waits"
	case runner.Done:
		return shortTime(t.took)
	case runner.Failed:
		return strings.TrimSpace(termtext.Line(t.why))
	case runner.Blocked:
		return "blocked by " + t.cause
	}
	return stateText(t)
}

// log are so many lines of the log of the chosen target.
func (v *view) log(d *tty, width, rows int) []string {
	type line struct {
		text  string
		title bool
	}
	var all []line
	filter := strings.ToLower(v.filters[reading])
	for _, s := range d.board.stepsOf(v.chosen) {
		_, what := titleParts(s.Title)
		head := strings.TrimSpace(s.Label + " " + what)
		if s.Done {
			head += "  " + ending(s.Step)
		}
		all = append(all, line{termtext.Line(head), true})
		for _, l := range s.lines {
			if filter == "" || strings.Contains(strings.ToLower(l), filter) {
				all = append(all, line{"  " + termtext.Final(l), false})
			}
		}
	}
	v.page = rows
	v.back = min(v.back, max(0, len(all)-rows))
	last := len(all) - v.back
	var out []string
	for _, l := range all[max(0, last-rows):last] {
		text := termtext.Clip(l.text, width)
		if l.title {
			text = d.paint("36", text)
		}
		out = append(out, text)
	}
	if len(all) == 0 {
		out = append(out, d.paint("2", "  nothing yet"))
	}
	return out
}

// bottom are the lines below: a question, a filter, a note, or what the keys do.
func (v *view) bottom(d *tty, width int) []string {
	var out []string
	switch {
	case v.asking != "":
		out = []string{d.paint("33", clipWords("Stop "+v.asking+"? y stops it, any other key does not", width))}
	case v.typing:
		out = []string{termtext.ClipFront("/"+v.filters[v.mode]+"_", width)}
	case v.note != "":
		out = noteLines(termtext.Line(v.note), width)
	case v.paused:
		out = []string{d.paint("33", clipWords("Paused: space goes on", width))}
	case v.filters[v.mode] != "":
		out = []string{d.paint("2", clipWords("only: "+v.filters[v.mode]+" (Esc shows all)", width))}
	}
	if v.help {
		text := "up down j k choose · Enter log · PgUp PgDn g G scroll · / filter · space pause · x stop a target · o page · Esc back · q quit · ? close"
		for l := range strings.SplitSeq(termtext.Wrap(text, width, ""), "\n") {
			out = append(out, d.paint("2", strings.Trim(l, "· ")))
		}
	}
	return out
}

// noteLines breaks a note into lines: at blanks, and a path that is longer than a line
// where the line ends, as nobody can open a path that is cut.
func noteLines(note string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(termtext.Wrap(note, width, ""), "\n") {
		begin, wide := 0, 0
		for at, r := range line {
			w := termtext.Width(string(r))
			if wide+w > width {
				lines = append(lines, line[begin:at])
				begin, wide = at, 0
			}
			wide += w
		}
		lines = append(lines, line[begin:])
	}
	return lines
}
