package project

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/orch-build/orch/internal/hclparse"
	"github.com/orch-build/orch/internal/lazyregexp"
)

// Repaired is a text without what cannot be parsed.
type Repaired struct {
	// Text has blanks in the place of what cannot be parsed, so that all places in
	// it are those of the text.
	Text []byte
	// Diags says what cannot be parsed.
	Diags hcl.Diagnostics
	// Lossy says that blocks are missing as a whole.
	Lossy bool
	// Body is what is written in the text.
	Body *hclsyntax.Body
}

// chunkStart is where a block or a constant at the top of a file begins, as people
// write files.
var chunkStart = lazyregexp.New(`(?m)^[A-Za-z_][\w-]*[ \t]*(=[^=]|"|\{)`)

// Repair parses a text in HCL's native syntax. What is being typed is mostly wrong
// in one line: that line is left out, or else the block that it is in.
func Repair(name string, text []byte) Repaired {
	body, diags := hclparse.Parse(text, name)
	r := Repaired{Text: text, Diags: diags, Body: body}
	if !diags.HasErrors() {
		return r
	}
	fixed := bytes.Clone(text)
	starts := chunkStart.FindAllIndex(text, -1)
	begin := 0
	for i := 0; i <= len(starts); i++ {
		end := len(text)
		if i < len(starts) {
			end = starts[i][0]
		}
		if begin < end {
			r.Lossy = repairChunk(name, fixed[begin:end]) || r.Lossy
		}
		begin = end
	}
	body, diags = hclparse.Parse(fixed, name)
	if diags.HasErrors() { // the parts are right, and the whole is not
		fixed, r.Lossy = blank(bytes.Clone(text)), true
		body, _ = hclparse.Parse(fixed, name)
	}
	r.Text, r.Body = fixed, body
	return r
}

// repairChunk blanks, in a part of a file, the line that is wrong, the one before
// it or both; if that does not help it blanks all, and returns true.
func repairChunk(name string, chunk []byte) (lossy bool) {
	for range 4 {
		_, diags := hclparse.Parse(chunk, name)
		if !diags.HasErrors() {
			return false
		}
		at := diags.Errs()[0].(*hcl.Diagnostic).Subject
		if at == nil || !repairLine(name, chunk, at.Start.Byte, len(diags)) {
			break
		}
	}
	if _, diags := hclparse.Parse(chunk, name); diags.HasErrors() {
		blank(chunk)
		return true
	}
	return false
}

// repairLine blanks lines if fewer things are wrong then than before.
func repairLine(name string, chunk []byte, at, wrong int) bool {
	first, last := lineAt(chunk, at)
	before, _ := lineAt(chunk, max(0, first-1))
	tries := [][2]int{{first, last}, {before, first}, {before, last}}
	for _, t := range tries {
		if t[0] == 0 {
			continue // the line that begins the block
		}
		tried := bytes.Clone(chunk)
		blank(tried[t[0]:t[1]])
		if _, diags := hclparse.Parse(tried, name); len(diags) < wrong {
			copy(chunk, tried)
			return true
		}
	}
	return false
}

// lineAt returns the bounds of the line that a byte is in.
func lineAt(text []byte, at int) (start, end int) {
	at = min(at, len(text))
	start = bytes.LastIndexByte(text[:at], '\n') + 1
	end = len(text)
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		end = at + i
	}
	return start, end
}

// blank replaces all but the ends of lines.
func blank(text []byte) []byte {
	for i, b := range text {
		if b != '\n' {
			text[i] = ' '
		}
	}
	return text
}
