// Package termtext is the one place where text is made fit for where it goes.
// What orch shows comes from others in great part: the output of steps, answers
// of registries, names and descriptions of definitions, lines of Dockerfiles,
// names of files. Where it is shown, some of it would be obeyed: by a terminal
// (escape sequences, control characters, characters that turn the direction of
// text), by a CI service that reads commands out of logs, by a browser, by a
// reader of XML or JSON. Everything that is written for people goes through a
// Writer, which lets no such thing through; text for other readers goes through
// HTML, XML or JSON. The package also knows how wide text is and where to break
// it, how counts are worded ("2 files"), and whether colours may be used.
//
// It does not know what a text means, what is secret in it, or what orch itself
// says to a CI service: that is written past the Writer; see Raw.
package termtext

import (
	"html"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// Style is a mark in a text that a Writer turns into what a terminal acts on, or
// into nothing. Marks are noncharacters of Unicode; a Filter removes them from the
// texts of others.
type Style string

// The styles. Reset ends them; so does the end of a line.
const (
	Red    Style = "\ufdd0"
	Yellow Style = "\ufdd1"
	Bold   Style = "\ufdd2"
	Dim    Style = "\ufdd3"
	Reset  Style = "\ufdd4"
)

const (
	firstMark = '\ufdd0'
	lastMark  = '\ufdd4'
	sgrReset  = "\x1b[0m"
)

// styleCodes are the escape sequences of the styles, in their order.
var styleCodes = [...]string{"\x1b[31;1m", "\x1b[33;1m", "\x1b[1m", "\x1b[2m", sgrReset}

// Sink says what a Writer writes to.
type Sink struct {
	// Color says whether colours may be used.
	Color bool
	// Headers is set where Buildkite reads; see Filter.
	Headers bool
}

// SinkOf looks at what a writer is, and at the environment.
func SinkOf(w io.Writer, lookup func(string) (string, bool)) Sink {
	value := func(name string) string { v, _ := lookup(name); return v }
	return Sink{Color: color(IsTerminal(w), value), Headers: value("BUILDKITE") == "true"}
}

// color decides by https://no-color.org: a variable that is set and empty counts
// as unset.
func color(terminal bool, value func(string) string) bool {
	return terminal && value("NO_COLOR") == "" && value("TERM") != "dumb"
}

// Writer writes text for people. It is safe for concurrent use.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	sink   Sink
	filter Filter
	buf    []byte
}

// NewWriter returns a writer of text to w.
func NewWriter(w io.Writer, sink Sink) *Writer {
	return &Writer{w: w, sink: sink, filter: Filter{Colors: false, Headers: sink.Headers, styles: true}}
}

// Write writes text. What it leaves out counts as written.
func (w *Writer) Write(p []byte) (int, error) { return w.write(p, plain) }

// text says whether a text chooses colours of its own.
type text bool

const (
	plain   text = false
	colored text = true
)

func (w *Writer) write(p []byte, is text) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filter.Colors, w.filter.styles = is == colored && w.sink.Color, w.sink.Color
	w.buf = w.filter.Append(w.buf[:0], p)
	if _, err := w.w.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// raw writes past the filter.
func (w *Writer) raw(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// Colored returns a writer to the same place for text that may choose colours of
// its own, where colours may be used at all.
func Colored(w io.Writer) io.Writer {
	if t, ok := w.(*Writer); ok {
		return writeFunc(func(p []byte) (int, error) { return t.write(p, colored) })
	}
	return w
}

// Raw returns a writer past the filter of a Writer: for data, for what steers a
// terminal, and for commands to a CI service.
func Raw(w io.Writer) io.Writer {
	if t, ok := w.(*Writer); ok {
		return writeFunc(t.raw)
	}
	return w
}

// File is the file that is written to in the end, or nil.
func File(w io.Writer) *os.File {
	if t, ok := w.(*Writer); ok {
		w = t.w
	}
	f, _ := w.(*os.File)
	return f
}

// HasColor says whether text on w may be coloured.
func HasColor(w io.Writer) bool {
	t, ok := w.(*Writer)
	return ok && t.sink.Color
}

// IsTerminal says whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f := File(w)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// Columns is the width of the terminal behind w; 0 if there is none.
func Columns(w io.Writer) int {
	if !IsTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(File(w).Fd()))
	if err != nil {
		return 80
	}
	return width
}

// Fold breaks a message at blanks where w is a terminal that is too narrow for
// it: a terminal would break it within a word.
func Fold(w io.Writer, s string) string { return Wrap(s, Columns(w), "") }

// leastBeside is the least width left for text that is folded beside something.
const leastBeside = 16

// FoldBeside folds a text as Fold does, behind the prefix of its first line; further
// lines begin with rest, which has the same width.
func FoldBeside(w io.Writer, first, rest, s string) string {
	return wrapBeside(first, rest, s, Columns(w))
}

func wrapBeside(first, rest, s string, columns int) string {
	if columns > 0 {
		columns = max(columns-Width(rest), leastBeside)
	}
	return first + strings.ReplaceAll(Wrap(s, columns, ""), "\n", "\n"+rest)
}

// FoldCommand puts a command behind a sentence, or below it where w is a terminal that
// is too narrow for both: a command is copied, and must not have a line break inside.
func FoldCommand(w io.Writer, sentence, command string) string {
	return wrapCommand(sentence, command, Columns(w))
}

func wrapCommand(sentence, command string, columns int) string {
	if columns > 0 && Width(sentence)+1+Width(command) > columns {
		return sentence + "\n" + command
	}
	return sentence + " " + command
}

// Text is a text of several lines as it may be shown anywhere.
func Text(s string) string {
	var f Filter
	return string(f.End(f.Append(make([]byte, 0, len(s)), []byte(s))))
}

// Indented is a line of a source as it may be shown: with its tabs, which its
// indentation may consist of.
func Indented(s string) string { return strings.ReplaceAll(Text(s), "\n", " ") }

// Line is a text as it may be shown in a line, without colours: line
// breaks become blanks.
func Line(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(Text(strings.TrimRight(s, "\r\n")), "\n", " "), "\t", " ")
}

// HTML is a text as it may be in a page or in a quoted attribute.
func HTML(s string) string { return html.EscapeString(clean(s)) }

// XML is a text without what XML cannot hold, even escaped; the quoting is that
// of the encoder.
func XML(s string) string { return clean(s) }

// clean takes sequences and control characters out of a text, and leaves what
// only a log obeys.
func clean(s string) string {
	f := Filter{quiet: true}
	out := f.End(f.Append(make([]byte, 0, len(s)), []byte(s)))
	return strings.Map(func(r rune) rune {
		if r == '\ufffe' || r == '\uffff' {
			return utf8.RuneError
		}
		return r
	}, string(out))
}

// Final returns a line of output as it is on a terminal in the end, without what
// would move the cursor or colour the screen.
func Final(s string) string {
	if i := strings.LastIndexByte(strings.TrimRight(s, "\r"), '\r'); i >= 0 {
		s = s[i+1:]
	}
	return Line(s)
}
