package helptext

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/termtext"
)

// part is a part of the long text of a command: either a paragraph, or rows of names
// with what each is, or lines that stay as they are written.
type part struct {
	paragraph string
	rows      []row
	lines     []string
}

// row is a name and what it is.
type row struct{ name, text string }

// definition matches the first line of a row: two blanks or more part its columns.
var definition = lazyregexp.New(`^(\s+)(\S.*?)\s{2,}(\S.*)$`)

// parts reads the long text of a command. It is written in lines for a terminal of 80
// columns: the lines of a paragraph belong together, and those that are indented are
// rows, or lines that somebody types.
func parts(long string) []part {
	var all []part
	open := false // the last part goes on
	for line := range strings.SplitSeq(strings.TrimSpace(long), "\n") {
		text := strings.TrimSpace(line)
		last := len(all) - 1
		indented := strings.TrimLeft(line, " \t") != line
		columns := definition.FindStringSubmatch(line)
		switch {
		case text == "":
			open = false
			continue
		case !indented && open && all[last].paragraph != "":
			all[last].paragraph += " " + text
		case !indented:
			all = append(all, part{paragraph: text})
		case open && all[last].rows != nil && columns == nil:
			rows := all[last].rows
			rows[len(rows)-1].text += " " + text
		case open && all[last].rows != nil:
			all[last].rows = append(all[last].rows, row{columns[2], columns[3]})
		case columns != nil:
			all = append(all, part{rows: []row{{columns[2], columns[3]}}})
		case open && all[last].lines != nil:
			all[last].lines = append(all[last].lines, text)
		default:
			all = append(all, part{lines: []string{text}})
		}
		open = true
	}
	return all
}

// typed matches what a sentence has in it for a computer: a command in quotes; and a
// flag, a variable of the environment or a path, in group 3, behind what is in group 2.
var typed = lazyregexp.New(`'((?:orch|docker) [^']*)'|` +
	`(^|[\s(])(--?[a-z][a-z-]*(?:=[^\s,;:)]*[^\s,;:).])?|\$?[A-Z]+(?:_[A-Z]+)+(?:/[\w./-]*\w)?|~?/[\w./-]*\w)`)

// special are the characters that Markdown would take for marks.
var special = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "`", "\\`", "|", `\|`)

// Markdown makes Markdown of what a command says of itself.
func Markdown(long string) string {
	var b strings.Builder
	for i, p := range parts(long) {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case p.paragraph != "":
			b.WriteString(Inline(p.paragraph) + "\n")
		case p.rows != nil:
			for _, r := range p.rows {
				fmt.Fprintf(&b, "- %s: %s\n", Inline(r.name), Inline(r.text))
			}
		default:
			fmt.Fprintf(&b, "```text\n%s\n```\n", strings.Join(p.lines, "\n"))
		}
	}
	return b.String()
}

// Inline makes Markdown of a sentence, with commands, flags and variables as code.
func Inline(text string) string {
	var b strings.Builder
	at := 0
	for _, m := range typed.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(special.Replace(text[at:m[0]]))
		if m[2] >= 0 {
			b.WriteString("`" + text[m[2]:m[3]] + "`")
		} else {
			b.WriteString(special.Replace(text[m[4]:m[5]]) + "`" + text[m[6]:m[7]] + "`")
		}
		at = m[1]
	}
	return b.String() + special.Replace(text[at:])
}

// HelpFunc prints the help of a command: its long text in lines that fit into the
// terminal, and how it is used.
func HelpFunc(stdout io.Writer) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		long := cmd.Long
		if long == "" {
			long = cmd.Short
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "%s\n\n", fit(strings.TrimSpace(long), termtext.Columns(stdout)))
		if cmd.Runnable() || cmd.HasSubCommands() {
			fmt.Fprint(w, cmd.UsageString())
		}
	}
}

// fit leaves a text as it is written where its lines fit, and else fills the lines
// anew; 0 is any number of columns.
func fit(long string, columns int) string {
	widest := 0
	for line := range strings.SplitSeq(long, "\n") {
		widest = max(widest, termtext.Width(line))
	}
	if columns <= 0 || widest <= columns {
		return long
	}
	var b strings.Builder
	for i, p := range parts(long) {
		if i > 0 {
			b.WriteString("\n\n")
		}
		switch {
		case p.paragraph != "":
			b.WriteString(termtext.Wrap(p.paragraph, columns, ""))
		case p.rows != nil:
			for j, r := range p.rows {
				if j > 0 {
					b.WriteByte('\n')
				}
				b.WriteString(termtext.Wrap("  "+r.name+": "+r.text, columns, "      "))
			}
		default:
			b.WriteString("  " + strings.Join(p.lines, "\n  "))
		}
	}
	return b.String()
}
