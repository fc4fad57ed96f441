package schema

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// The largest definition that is read. A real one is some kilobytes; these
// are there so that a wrong or hostile file ends in a message and not in the
// machine's memory.
const (
	// MaxFileSize is the size of a file in bytes.
	MaxFileSize = 10 << 20
	// maxNesting is how deep brackets may be nested: the parser
	// calls itself once for each.
	maxNesting = 500
	// maxOperators is how many operators one expression may have: evaluation
	// calls itself once for each.
	maxOperators = 200_000
)

// checkLimits reports a file that is too large or too deep to be parsed.
func checkLimits(filename string, src []byte) *hcl.Diagnostic {
	if len(src) > MaxFileSize {
		return &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "File too large",
			Detail:   fmt.Sprintf("%s has more than the %d bytes that a definition may have.", filename, MaxFileSize),
		}
	}
	depth, operators, line, lineStart := 0, 0, 1, 0
	for i, c := range src {
		if c == '\\' {
			c = escaped(src[i:])
		}
		switch c {
		case '(', '[', '{':
			depth++
			operators++
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '\n':
			line, lineStart = line+1, i+1
		case '!', '-', '?', '+', '*', '/', '%', '&', '|', '<', '>', '.':
			operators++
		case '=':
			operators = 0
		}
		if depth > maxNesting || operators > maxOperators {
			at := hcl.Pos{Line: line, Column: i - lineStart + 1, Byte: i}
			return &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Nested too deeply",
				Detail: fmt.Sprintf("The brackets up to here are nested more than %d deep, or the expression has more than %d operators.",
					maxNesting, maxOperators),
				Subject: &hcl.Range{Filename: filename, Start: at, End: at},
			}
		}
	}
	return nil
}

// escaped returns the character that an escape such as \u0028 stands for, as
// far as it is one that matters here: JSON can write the brackets of a template
// so.
func escaped(src []byte) byte {
	if len(src) < 6 || src[1] != 'u' {
		return src[0]
	}
	code, err := strconv.ParseUint(string(src[2:6]), 16, 16)
	if err != nil || code > unicode.MaxASCII {
		return src[0]
	}
	return byte(code)
}

// checkIndent reports a YAML file that is nested too deeply by its indentation.
func checkIndent(filename string, src []byte) *hcl.Diagnostic {
	line := 1
	for text := range bytes.Lines(src) {
		if indent := len(text) - len(bytes.TrimLeft(text, " ")); indent > 2*maxNesting {
			at := hcl.Pos{Line: line, Column: indent + 1}
			return &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Nested too deeply",
				Detail:   fmt.Sprintf("A line of the file begins with more than %d blanks.", 2*maxNesting),
				Subject:  &hcl.Range{Filename: filename, Start: at, End: at},
			}
		}
		line++
	}
	return nil
}
