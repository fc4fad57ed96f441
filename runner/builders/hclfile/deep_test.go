package hclfile

import (
	"strings"
	"testing"
)

// TestTooDeep reads a file by which the parser would end the process.
func TestTooDeep(t *testing.T) {
	_, diags := Parse([]byte("use = "+strings.Repeat("[", 10_000)), Name)
	if len(diags) != 1 || diags[0].Summary != "Nested too deeply" || diags[0].Subject.Start.Line != 1 {
		t.Errorf("%v", diags)
	}
}
