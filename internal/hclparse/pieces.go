// Package hclparse parses HCL that nobody has looked at yet. The parser of HCL can end the
// process, needs time by the square, and keeps a hundred bytes for each token and five
// hundred for each fault, so that 10 MB that are no HCL would take 7 GB. Here what is too
// deep or too long is refused, and a large text is parsed piece by piece, by all
// processors, and given up where most of it is faults.
package hclparse

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Parse is hclsyntax.ParseConfig for a whole file that keeps to the Limits. Of a large file
// with very many faults, it returns the first ones. The body is never nil.
func Parse(src []byte, filename string) (*hclsyntax.Body, hcl.Diagnostics) {
	if fault := Limits(src, filename); fault != nil {
		return &hclsyntax.Body{}, hcl.Diagnostics{fault}
	}
	return defaults.parse(src, filename)
}

// sizes say what is large.
type sizes struct {
	large  int // bytes from which a text is parsed in pieces
	piece  int // bytes of a piece, at least
	faults int // how many of them in one piece are too many
}

var defaults = sizes{large: 256 << 10, piece: 64 << 10, faults: 100}

func (s sizes) parse(src []byte, filename string) (*hclsyntax.Body, hcl.Diagnostics) {
	t := &text{sizes: s, src: src, filename: filename, ends: s.cut(src), start: hcl.InitialPos}
	if len(src) >= s.large {
		if body, diags, ok := t.parse(); ok {
			return body, diags
		}
	}
	whole := t.parseTo(hcl.InitialPos, len(src))
	return whole.body, whole.diags
}

// cut returns where pieces of a text may end: behind a block, or else behind a line.
func (s sizes) cut(src []byte) []int {
	var ends []int
	for at := 0; at < len(src); {
		end := len(src)
		if at+s.piece < end {
			rest := src[at+s.piece:]
			block := bytes.Index(rest[:min(len(rest), s.piece)], []byte("\n}\n"))
			line := bytes.IndexByte(rest, '\n')
			switch {
			case block >= 0:
				end = at + s.piece + block + len("\n}\n")
			case line >= 0:
				end = at + s.piece + line + 1
			}
		}
		if bytes.HasPrefix(src[end:], []byte("\xef\xbb\xbf")) {
			end = len(src) // what the parser takes at the beginning of a text only
		}
		ends = append(ends, end)
		at = end
	}
	return ends
}

// text is a text while it is parsed.
type text struct {
	sizes
	src      []byte
	filename string
	ends     []int   // of the pieces that are left
	start    hcl.Pos // of the first one of these
}

// part is what came of a piece.
type part struct {
	body  *hclsyntax.Body
	diags hcl.Diagnostics
}

// parse returns what is in all pieces; false means that they do not go together.
//
// What was parsed without a fault ends outside of everything that can be open: what
// follows is parsed as if it stood by itself. A piece with a fault may have been cut in the
// middle of something, so that it is parsed again with the next ones.
func (t *text) parse() (*hclsyntax.Body, hcl.Diagnostics, bool) {
	whole := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, Blocks: hclsyntax.Blocks{}}
	var diags hcl.Diagnostics
	for first := true; len(t.ends) > 0; first = false {
		for _, p := range t.window() {
			n, faulty := 1, p.diags.HasErrors()
			if faulty {
				p, n = t.grow(p)
			}
			if first {
				whole.SrcRange = p.body.SrcRange
				first = false
			}
			diags = append(diags, p.diags...)
			if n == 0 {
				return whole, t.givenUp(diags), true
			}
			for name, attr := range p.body.Attributes {
				if whole.Attributes[name] != nil {
					return nil, nil, false
				}
				whole.Attributes[name] = attr
			}
			whole.Blocks = append(whole.Blocks, p.body.Blocks...)
			whole.SrcRange.End, whole.EndRange = p.body.SrcRange.End, p.body.EndRange
			t.skip(n)
			if faulty {
				break // the others of the window may have begun in the middle of something
			}
		}
	}
	return whole, diags, true
}

// window parses as many of the next pieces as there are processors.
func (t *text) window() []part {
	parts := make([]part, min(len(t.ends), runtime.GOMAXPROCS(0)))
	at := t.start
	var all sync.WaitGroup
	for i := range parts {
		from, to := at, t.ends[i]
		all.Go(func() { parts[i] = t.piece(from, to) })
		at = t.after(from, to)
	}
	all.Wait()
	return parts
}

// piece parses a piece. Of one that is a very long line, it first parses the beginning,
// and no more where that is faults.
func (t *text) piece(from hcl.Pos, to int) part {
	if head := from.Byte + t.sizes.piece; to > from.Byte+4*t.sizes.piece {
		if p := t.parseTo(from, head); t.hopeless(p, from, head) {
			return p
		}
	}
	return t.parseTo(from, to)
}

func (t *text) parseTo(from hcl.Pos, to int) part {
	file, diags := hclsyntax.ParseConfig(t.src[from.Byte:to], t.filename, from)
	return part{body: file.Body.(*hclsyntax.Body), diags: diags}
}

// grow parses the first piece, which has faults, with ever more of the next ones. It
// returns how many they are, and 0 where the text is not worth it.
func (t *text) grow(p part) (part, int) {
	for n := 1; ; {
		switch end := t.ends[n-1]; {
		case t.hopeless(p, t.start, end):
			return p, 0
		case !p.diags.HasErrors() || n == len(t.ends):
			return p, n
		}
		n = min(2*n, len(t.ends))
		p = t.parseTo(t.start, t.ends[n-1])
	}
}

// hopeless says whether there are too many faults in a piece, and not because it ends in a
// comment, whose words were read as code.
func (t *text) hopeless(p part, from hcl.Pos, to int) bool {
	if len(p.diags) <= t.faults {
		return false
	}
	src := t.src[from.Byte:to]
	open := bytes.LastIndex(src, []byte("/*"))
	return open < 0 || open < bytes.LastIndex(src, []byte("*/")) || !bytes.Contains(t.src[to-1:], []byte("*/"))
}

// givenUp returns the first of too many faults.
func (t *text) givenUp(diags hcl.Diagnostics) hcl.Diagnostics {
	diags = diags[:min(len(diags), t.faults)]
	return append(diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Too many faults",
		Detail:   fmt.Sprintf("After more than %d faults the rest of %s is not read.", t.faults, t.filename),
		Subject:  diags[len(diags)-1].Subject,
	})
}

// skip goes behind the next pieces.
func (t *text) skip(n int) {
	t.start = t.after(t.start, t.ends[n-1])
	t.ends = t.ends[n:]
}

// after is the position of a byte where a line begins, or the text ends.
func (t *text) after(from hcl.Pos, to int) hcl.Pos {
	return hcl.Pos{Line: from.Line + bytes.Count(t.src[from.Byte:to], []byte("\n")), Column: 1, Byte: to}
}
