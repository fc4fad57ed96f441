package schema

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/nesting"
)

// MaxFileSize is the size in bytes of the largest file of a definition that is read. A
// real one has some kilobytes; this is there so that a wrong or hostile file ends in a
// message and not in the machine's memory.
const MaxFileSize = 10 << 20

// checkLimits reports a file that is too large or too deep to be parsed.
func checkLimits(filename string, src []byte) *hcl.Diagnostic {
	if len(src) > MaxFileSize {
		return &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "File too large",
			Detail:   fmt.Sprintf("%s has more than the %d bytes that a definition may have.", filename, MaxFileSize),
		}
	}
	at, deep := nesting.TooDeep(src)
	if !deep {
		return nil
	}
	pos := hcl.Pos{Line: at.Line, Column: at.Column, Byte: at.Byte}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Nested too deeply",
		Detail:   nesting.Message(),
		Subject:  &hcl.Range{Filename: filename, Start: pos, End: pos},
	}
}

// checkIndent reports a YAML file that is nested too deeply by its indentation.
func checkIndent(filename string, src []byte) *hcl.Diagnostic {
	line := 1
	for text := range bytes.Lines(src) {
		if indent := len(text) - len(bytes.TrimLeft(text, " ")); indent > 2*nesting.Max {
			at := hcl.Pos{Line: line, Column: indent + 1}
			return &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Nested too deeply",
				Detail:   fmt.Sprintf("A line of the file begins with more than %d blanks.", 2*nesting.Max),
				Subject:  &hcl.Range{Filename: filename, Start: at, End: at},
			}
		}
		line++
	}
	return nil
}
