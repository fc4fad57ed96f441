package print

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
)

// ANSI attributes, see ECMA-48, "Select graphic rendition".
const (
	bold  = "1"
	dim   = "2"
	green = "32"
	cyan  = "1;36"
)

// paint marks a string for a terminal.
func (t *text) paint(code, s string) string {
	if !t.opt.Color || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// printable masks a text of the user's, and writes what would steer a terminal
// as an escape.
func (t *text) printable(s string) string { return printable(t.opt.mask(s)) }

func printable(s string) string {
	plain := func(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && r != utf8.RuneError }
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case plain(r):
			b.WriteRune(r)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// space is a space at which no line is folded.
const space = "\u00a0"

func unbroken(s string) string { return strings.ReplaceAll(s, " ", space) }

// label is a vertex with its kind and its work.
func (t *text) label(v *planner.Vertex, color string) string {
	name := t.printable(v.Name)
	switch {
	case v.Kind == planner.Opaque:
		return unbroken(t.paint(color, name) + " (read by the builder)")
	case v.Kind != planner.Stage:
		return unbroken(v.Kind.String() + " " + t.paint(color, name))
	case name[0] >= '0' && name[0] <= '9':
		name = "stage " + name
	}
	return unbroken(t.paint(color, name) + t.paint(dim, " ("+termtext.Count(len(v.Steps), "step")+")"))
}

// labels lists vertices; those that differ in platforms and arguments only
// come together. Several platforms that are all of these are not named.
func (t *text) labels(vertices []*planner.Vertex, color string, each ...string) []string {
	var names []string
	on := map[string][]string{}
	for _, v := range vertices {
		name := t.label(v, color)
		if _, ok := on[name]; !ok {
			names = append(names, name)
		}
		on[name] = append(on[name], v.Platform)
	}
	for i, name := range names {
		names[i] += t.platformText(on[name], each)
	}
	return names
}

// platformText is " on linux/arm64" where that does not go without saying, or
// how many there are of one.
func (t *text) platformText(list, each []string) string {
	s := ""
	distinct := distinctOf(list)
	switch {
	case !t.several || distinct[0] == "" || slices.Equal(distinct, []string{t.home}):
	case len(each) > 1 && slices.Equal(distinct, distinctOf(each)):
		s = unbroken(" on each")
	default:
		s = unbroken(" on " + strings.Join(distinct, "+"))
	}
	if len(distinct) < len(list) {
		s += space + "×" + strconv.Itoa(len(list))
	}
	return s
}

// table prints rows of two columns, folding the second one at the width.
func (t *text) table(rows [][2]string) {
	left := 0
	for _, r := range rows {
		if n := termtext.Width(r[0]); n <= t.opt.Width/2 {
			left = max(left, n)
		}
	}
	for _, r := range rows {
		t.row(r[0], left, r[1])
	}
}

// row prints a head and a value beside it; below it if the head is longer than
// the column.
func (t *text) row(head string, left int, value string) {
	pad := strings.Repeat(" ", max(left-termtext.Width(head), 0))
	lines := wrap(value, t.opt.Width-left-4)
	if termtext.Width(head) > left {
		fmt.Fprintf(t.w, "  %s\n", solid(head))
		head, pad = "", strings.Repeat(" ", left)
	}
	for _, line := range lines {
		fmt.Fprintf(t.w, "  %s%s  %s\n", solid(head), pad, solid(line))
		head, pad = "", strings.Repeat(" ", left)
	}
}

// solid turns the spaces that kept words together into plain ones.
func solid(s string) string { return strings.ReplaceAll(s, space, " ") }

// wrap folds a text at its spaces; what is kept together and has no room on a
// line is folded too.
func wrap(s string, width int) []string {
	var words []string
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) {
		if termtext.Width(word) > width {
			words = append(words, strings.Split(word, space)...)
		} else {
			words = append(words, word)
		}
	}
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case termtext.Width(line)+1+termtext.Width(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// distinctOf sorts a list, each once.
func distinctOf(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
