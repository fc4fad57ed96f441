// Package document keeps the texts that are open in an editor and finds places in
// them. To whoever reads files through it, an open text takes the place of the
// file on the disk.
//
// It knows nothing of what is in a text, and sends nothing.
package document

import (
	"sort"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/language/lsp"
)

// Document is one state of a text. It never changes.
type Document struct {
	Path    string // absolute
	Version int
	Text    []byte
	// Open says that it is open in the editor.
	Open   bool
	starts []int // where each line starts
}

// New returns a text.
func New(path string, version int, text []byte) *Document {
	d := &Document{Path: path, Version: version, Text: text, starts: []int{0}}
	for i, b := range text {
		if b == '\n' {
			d.starts = append(d.starts, i+1)
		}
	}
	return d
}

// URI is how the editor names the document.
func (d *Document) URI() string { return lsp.URIOf(d.Path) }

// Lines is how many lines the text has.
func (d *Document) Lines() int { return len(d.starts) }

// line returns the first byte of a line, and the byte behind its text.
func (d *Document) line(n int) (start, end int) {
	start, end = d.starts[n], len(d.Text)
	if n+1 < len(d.starts) {
		end = d.starts[n+1] - 1
		if end > start && d.Text[end-1] == '\r' {
			end--
		}
	}
	return start, end
}

// Offset is the byte at a position. One that is not in the text counts as the
// nearest that is.
func (d *Document) Offset(p lsp.Position) int {
	if p.Line < 0 {
		return 0
	}
	if p.Line >= len(d.starts) {
		return len(d.Text)
	}
	at, end := d.line(p.Line)
	for units := 0; at < end && units < p.Character; {
		r, size := utf8.DecodeRune(d.Text[at:end])
		units += unitsOf(r)
		if units > p.Character {
			break // in the middle of a character
		}
		at += size
	}
	return at
}

// unitsOf is how many UTF-16 units a character takes.
func unitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// Position is the place of a byte.
func (d *Document) Position(offset int) lsp.Position {
	offset = min(max(offset, 0), len(d.Text))
	line := sort.SearchInts(d.starts, offset+1) - 1
	units := 0
	for at := d.starts[line]; at < offset; {
		r, size := utf8.DecodeRune(d.Text[at:])
		units += unitsOf(r)
		at += size
	}
	return lsp.Position{Line: line, Character: units}
}

// Range is the place of some bytes.
func (d *Document) Range(start, end int) lsp.Range {
	return lsp.Range{Start: d.Position(start), End: d.Position(max(start, end))}
}

// Span returns the bytes of a range that a parser found in this text. It trusts
// the bytes, and where there are none the lines and columns.
func (d *Document) Span(r fault.Range) (start, end int) {
	start, end = d.at(r.Start), d.at(r.End)
	return start, max(start, end)
}

func (d *Document) at(p fault.Pos) int {
	if p.Byte > 0 || p.Line <= 1 && p.Column <= 1 {
		return min(max(p.Byte, 0), len(d.Text))
	}
	if p.Line > len(d.starts) {
		return len(d.Text)
	}
	at, end := d.line(p.Line - 1)
	for n := 1; n < p.Column && at < end; n++ {
		_, size := utf8.DecodeRune(d.Text[at:end])
		at += size
	}
	return at
}

// RangeOf is the place of a range that a parser found in this text.
func (d *Document) RangeOf(r fault.Range) lsp.Range { return d.Range(d.Span(r)) }

// Apply returns the text after changes.
func (d *Document) Apply(version int, changes []lsp.ContentChange) *Document {
	out := d
	for _, c := range changes {
		text := []byte(c.Text)
		if c.Range != nil {
			start, end := out.Offset(c.Range.Start), out.Offset(c.Range.End)
			end = max(start, end)
			text = append(append(append(make([]byte, 0, len(out.Text)+len(c.Text)), out.Text[:start]...), c.Text...), out.Text[end:]...)
		}
		out = New(d.Path, version, text)
	}
	out.Version, out.Open = version, d.Open
	return out
}
