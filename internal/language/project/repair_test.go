package project

import (
	"strings"
	"testing"
)

// TestRepairTooDeep repairs a text by which the parser would end the process: what is
// beside it stays.
func TestRepairTooDeep(t *testing.T) {
	text := "target \"a\" {\n  args = {\n    X = " + strings.Repeat("[", 2_000_000) + "\n  }\n}\n\ntarget \"b\" {\n}\n"
	r := Repair("build.hcl", []byte(text))
	if len(r.Diags) != 1 || r.Diags[0].Summary != "Nested too deeply" || r.Diags[0].Subject.Start.Line != 3 {
		t.Errorf("diagnostics: %v", r.Diags)
	}
	if len(r.Text) != len(text) || len(r.Body.Blocks) == 0 || r.Body.Blocks[len(r.Body.Blocks)-1].Labels[0] != "b" {
		t.Errorf("blocks: %v", r.Body.Blocks)
	}
}
