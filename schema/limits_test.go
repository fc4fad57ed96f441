package schema

import (
	"strings"
	"testing"
)

// TestNesting holds that a file that would take the parser's whole stack is
// refused before it is parsed.
func TestNesting(t *testing.T) {
	const deep = 100_000
	tests := []struct {
		name, file, src string
		refused         bool
	}{
		{"parentheses", "build.hcl", "a = " + strings.Repeat("(", deep), true},
		{"templates", "build.hcl", `a = "` + strings.Repeat("${", deep), true},
		{"JSON arrays", "build.json", strings.Repeat("[", deep), true},
		{"escapes in JSON", "build.json", `{"a": "$\u007b` + strings.Repeat(`\u0028`, deep) + `"}`, true},
		{"other escapes in JSON", "build.json", `{"a": "` + strings.Repeat(`\u0041`, deep) + `"}`, false},
		{"indentation", "compose.yaml", strings.Repeat(" ", deep) + "a:\n", true},
		{"a usual file", "compose.yaml", "services:\n  a:\n    build: .\n", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, diags := Parse(test.file, []byte(test.src), Bake)
			refused := false
			for _, d := range diags {
				refused = refused || d.Summary == "Nested too deeply"
			}
			if refused != test.refused {
				t.Errorf("refused as nested too deeply: %v, want %v; diagnostics %v", refused, test.refused, diags)
			}
		})
	}
}
