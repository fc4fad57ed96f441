package convert

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// expansion is what a shell puts into a word: the value of a variable, or what
// a command prints.
type expansion struct {
	name    string
	value   string // a word: the default of "${NAME:-WORD}"
	command string
	source  string // as it is written
}

// words writes words of a script as strings in which a mark stands for each
// expansion, so that they can be compared, cut and read as flags. Marks of the
// same expansion are equal.
type words struct{ expansions []expansion }

// The mark of an expansion is its number between two of these.
const mark = "\x00"

func hasExpansion(word string) bool { return strings.Contains(word, mark) }

// expansion returns the mark of an expansion.
func (w *words) expansion(x expansion) string {
	for i, old := range w.expansions {
		if old.name == x.name && old.value == x.value && old.command == x.command {
			return fmt.Sprint(mark, i, mark)
		}
	}
	w.expansions = append(w.expansions, x)
	return fmt.Sprint(mark, len(w.expansions)-1, mark)
}

// each calls functions for the texts and expansions of a word, in order.
func (w *words) each(word string, text func(string), expanded func(expansion)) {
	for i, part := range strings.Split(word, mark) {
		var n int
		if i%2 == 0 {
			text(part)
		} else if _, err := fmt.Sscan(part, &n); err == nil && n < len(w.expansions) {
			expanded(w.expansions[n])
		}
	}
}

// source is a word as it was written, for a comment.
func (w *words) source(word string) string {
	var b strings.Builder
	w.each(word, func(text string) { b.WriteString(text) }, func(x expansion) { b.WriteString(x.source) })
	return b.String()
}

// word returns a word without its quotes.
func (w *words) word(parts []syntax.WordPart) string { return w.joined(parts, "") }

// inQuotes are the characters that a backslash escapes in quotes.
const inQuotes = "$`\"\\"

// joined joins the parts of a word; escapable are the characters that a backslash
// escapes in it, and "" is all of them.
func (w *words) joined(parts []syntax.WordPart, escapable string) string {
	var b strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(p.Value, escapable))
		case *syntax.SglQuoted:
			b.WriteString(strings.ReplaceAll(p.Value, mark, ""))
		case *syntax.DblQuoted:
			b.WriteString(w.joined(p.Parts, inQuotes))
		default:
			b.WriteString(w.expansion(w.expanded(part)))
		}
	}
	return b.String()
}

// expanded reads an expansion. Of one that calculates, only the variable is
// known.
func (w *words) expanded(part syntax.WordPart) expansion {
	x := expansion{source: printed(part)}
	switch p := part.(type) {
	case *syntax.ParamExp:
		if p.Param != nil {
			x.name = p.Param.Value
		}
		if p.Exp != nil && p.Exp.Word != nil {
			switch p.Exp.Op {
			case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
				x.value = w.word(p.Exp.Word.Parts)
			}
		}
	case *syntax.CmdSubst:
		var commands []string
		for _, stmt := range p.Stmts {
			commands = append(commands, printed(stmt))
		}
		x.command = strings.Join(commands, " ")
	default:
		x.name = targetName(x.source)
	}
	return x
}

// printed is a node as text.
func printed(n syntax.Node) string {
	var b strings.Builder
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, n); err != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// unescape takes the backslashes off a text that escape something.
func unescape(s, escapable string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (escapable == "" || strings.IndexByte(escapable, s[i+1]) >= 0) {
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.ReplaceAll(b.String(), mark, "")
}
