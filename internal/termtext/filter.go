package termtext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Filter makes text of others harmless, piece by piece: an escape sequence or a
// character may be split between two pieces. The zero value is ready for the
// start of a line.
type Filter struct {
	// Colors lets the sequences through that choose colours and weights (SGR),
	// and nothing else of what a terminal acts on.
	Colors bool
	// Headers also breaks the headers of Buildkite's log: lines that begin with
	// "---", "+++", "~~~" or "^^^".
	Headers bool
	// styles turns the marks of this package into what they stand for; see Style.
	styles bool
	// quiet leaves the commands of CI services as they are.
	quiet bool

	part   []byte // the beginning of a character
	escape []byte // a sequence that is not complete; the introducer is its first byte
	cr     bool   // a carriage return that may belong to a line feed
	line   []rune // the significant characters of the line: the first, and the last
	indent bool   // the line begins with blanks
	open   bool   // a colour has been chosen on this line
}

// maxLine is how many characters of a line are kept: enough for the longest
// command's beginning.
const maxLine = 32

// Append appends to dst what p is where it is shown.
func (f *Filter) Append(dst, p []byte) []byte {
	if len(f.part) > 0 {
		p = append(f.part, p...)
		f.part = nil
	}
	for len(p) > 0 {
		if !utf8.FullRune(p) {
			f.part = append([]byte(nil), p...)
			break
		}
		r, size := utf8.DecodeRune(p)
		dst = f.rune(dst, r)
		p = p[size:]
	}
	return dst
}

// End appends what is left when nothing follows.
func (f *Filter) End(dst []byte) []byte {
	if len(f.part) > 0 {
		f.part = nil
		dst = f.rune(dst, utf8.RuneError)
	}
	f.escape, f.cr = nil, false
	return f.reset(dst)
}

// reset ends a colour that was chosen.
func (f *Filter) reset(dst []byte) []byte {
	if f.open {
		f.open = false
		dst = append(dst, sgrReset...)
	}
	return dst
}

func (f *Filter) rune(dst []byte, r rune) []byte {
	if f.cr {
		f.cr = false
		if r != '\n' {
			// What follows would be written over the line, and is a line of its
			// own to whoever reads the log.
			dst = f.newline(dst)
		}
	}
	if f.escape != nil {
		if done := f.sequence(r); !done {
			return dst
		}
		dst = f.endSequence(dst)
		if r != '\n' && r != '\r' {
			return dst
		}
	}
	switch {
	case r == '\n':
		return f.newline(dst)
	case r == '\r':
		f.cr = true
		return dst
	case introduces(r):
		f.escape = append(f.escape[:0:0], introducer(r)...)
		return dst
	case r >= firstMark && r <= lastMark:
		if f.styles {
			f.open = r != lastMark
			dst = append(dst, styleCodes[r-firstMark]...)
		}
		return dst
	}
	return f.plain(dst, r)
}

func (f *Filter) newline(dst []byte) []byte {
	dst = append(f.reset(dst), '\n')
	f.line, f.indent = f.line[:0], false
	return dst
}

// plain writes a character that is not part of a sequence.
func (f *Filter) plain(dst []byte, r rune) []byte {
	switch {
	case r == '\t':
	case r == '\v', r == '\f', r == '\u2028', r == '\u2029':
		r = ' '
	case r < ' ', r >= 0x7f && r < 0xa0, r == '\ufeff', r >= 0xfdd0 && r <= 0xfdef, r >= 0xe0000 && r <= 0xe007f:
		return dst
	case isBidi(r):
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	if unicode.Is(unicode.Cf, r) { // invisible, so that it hides nothing from a reader of commands
		return utf8.AppendRune(dst, r)
	}
	if f.breaks(r) {
		dst = append(dst, ' ')
		f.note(' ')
	}
	f.note(r)
	return utf8.AppendRune(dst, r)
}

// note remembers a character of the line.
func (f *Filter) note(r rune) {
	if len(f.line) == 0 && unicode.IsSpace(r) {
		f.indent = true
		return
	}
	if len(f.line) == maxLine {
		f.line = append(f.line[:4], f.line[5:]...)
	}
	f.line = append(f.line, r)
}

// breaks says whether a character would complete the beginning of a command of
// a CI service, so that a blank has to be in front of it.
func (f *Filter) breaks(r rune) bool {
	if f.quiet {
		return false
	}
	switch r {
	case ':':
		// "::command" of GitHub Actions, also behind blanks; and the sections of
		// GitLab.
		return len(f.line) == 1 && f.line[0] == ':' || f.ends("section_start") || f.ends("section_end")
	case '[':
		// "##[command]" of GitHub Actions and Azure Pipelines, "##vso[…]" of
		// Azure, "##teamcity[…]" of TeamCity, anywhere in a line.
		return f.endsInHashes()
	case '-', '+', '~', '^':
		return f.Headers && !f.indent && len(f.line) == 2 && f.line[0] == r && f.line[1] == r
	}
	return false
}

func (f *Filter) ends(word string) bool {
	return len(f.line) >= len(word) && strings.EqualFold(string(f.line[len(f.line)-len(word):]), word)
}

// endsInHashes says whether the line ends in "##", or in that and a word.
func (f *Filter) endsInHashes() bool {
	i := len(f.line)
	for i > 0 && (unicode.IsLetter(f.line[i-1]) || unicode.IsDigit(f.line[i-1])) {
		i--
	}
	return i >= 2 && f.line[i-1] == '#' && f.line[i-2] == '#'
}

// isBidi finds the characters that turn the direction of text.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// introduces finds the characters that begin a sequence, of 7 or of 8 bits; see
// ECMA-48.
func introduces(r rune) bool {
	switch r {
	case 0x1b, 0x90, 0x98, 0x9b, 0x9d, 0x9e, 0x9f:
		return true
	}
	return false
}

// introducer is the 7-bit form of one that introduces.
func introducer(r rune) []byte {
	if r == 0x1b {
		return []byte{0x1b}
	}
	return []byte{0x1b, byte(r - 0x40)}
}

// maxSequence bounds a sequence that never ends.
const maxSequence = 4096

// sequence takes a character into a sequence, and returns true if that is over.
// The end of a line ends every sequence, so that one without an end swallows no
// more than its line.
func (f *Filter) sequence(r rune) bool {
	if r == '\n' || r == '\r' || len(f.escape) > maxSequence {
		f.escape = f.escape[:1]
		return true
	}
	if len(f.escape) == 1 {
		f.escape = utf8.AppendRune(f.escape, r)
		return !strings.ContainsRune("[]PX^_", r) && (r < 0x20 || r > 0x2f)
	}
	switch f.escape[1] {
	case '[':
		f.escape = utf8.AppendRune(f.escape, r)
		return r < 0x20 || r > 0x3f
	case ']', 'P', 'X', '^', '_':
		ended := r == 0x07 || r == 0x9c || r == '\\' && f.escape[len(f.escape)-1] == 0x1b
		f.escape = utf8.AppendRune(f.escape, r)
		return ended
	}
	f.escape = utf8.AppendRune(f.escape, r)
	return r < 0x20 || r > 0x2f
}

// endSequence writes a sequence that is over, if it only chooses a colour.
func (f *Filter) endSequence(dst []byte) []byte {
	s := f.escape
	f.escape = nil
	if !f.Colors || len(s) < 3 || s[1] != '[' || s[len(s)-1] != 'm' || strings.Trim(string(s[2:len(s)-1]), "0123456789;:") != "" {
		return dst
	}
	chosen := string(s[2 : len(s)-1])
	f.open = chosen != "" && chosen != "0"
	return append(dst, s...)
}
