package schema

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/hclparse"
)

// MaxFileSize is the size in bytes of the largest file of a definition that is read. A
// real one has some kilobytes; this is there so that a wrong or hostile file ends in a
// message and not in the machine's memory.
const MaxFileSize = 10 << 20

// checkSize reports a file that is too large to be parsed.
func checkSize(filename string, src []byte) *hcl.Diagnostic {
	if len(src) <= MaxFileSize {
		return nil
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "File too large",
		Detail:   fmt.Sprintf("%s has more than the %d bytes that a definition may have.", filename, MaxFileSize),
	}
}

// checkIndent reports a YAML file that is nested too deeply by its indentation.
func checkIndent(filename string, src []byte) *hcl.Diagnostic {
	line := 1
	for text := range bytes.Lines(src) {
		if indent := len(text) - len(bytes.TrimLeft(text, " ")); indent > 2*hclparse.MaxDepth {
			at := hcl.Pos{Line: line, Column: indent + 1}
			return &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Nested too deeply",
				Detail:   fmt.Sprintf("A line of the file begins with more than %d blanks.", 2*hclparse.MaxDepth),
				Subject:  &hcl.Range{Filename: filename, Start: at, End: at},
			}
		}
		line++
	}
	return nil
}
