package hclparse

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestLimits(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("ENV A=1\n", n) }
	for name, c := range map[string]struct {
		text    string
		at      hcl.Pos
		summary string
	}{
		"flat":              {text: strings.Repeat("a = [1]\n", 1000)},
		"deep":              {"x\n" + strings.Repeat("[", MaxDepth+1), hcl.Pos{Line: 2, Column: MaxDepth + 1, Byte: MaxDepth + 2}, "Nested too deeply"},
		"escaped":           {strings.Repeat(`\u0028`, MaxDepth+1), hcl.Pos{Line: 1, Column: 6*MaxDepth + 1, Byte: 6 * MaxDepth}, "Nested too deeply"},
		"heredoc":           {"\na = <<E\n" + lines(maxPieces+1) + "E\n", hcl.Pos{Line: 2, Column: 1, Byte: 1}, "Text too long"},
		"indented":          {"a = f(<<-E_1\n" + lines(maxPieces+1) + "\tE_1\n)", hcl.Pos{Line: 1, Column: 1}, "Text too long"},
		"long enough":       {text: "a = <<E\n" + lines(maxPieces) + "E\n"},
		"several":           {"a = <<E\n" + lines(15_000) + "E\nb = <<E\n" + lines(15_000) + "E\n", hcl.Pos{Line: 15_003, Column: 1, Byte: 8 + 8*15_000 + 2}, "Text too long"},
		"many":              {text: strings.Repeat("a = <<E\n"+lines(100)+"E\n", 500)},
		"in another":        {text: "a = <<E\nRUN <<F\n" + lines(100) + "F\nE\n" + strings.Repeat("v = 1\n", maxPieces+1)},
		"never closed":      {text: "# see <<E\n" + strings.Repeat("v = 1\n", maxPieces+1)},
		"escapes":           {`a = "` + strings.Repeat("$${x}", maxPieces+1) + `"`, hcl.Pos{Line: 1, Column: 1}, "Text too long"},
		"escapes, in lines": {"a = <<E\n" + strings.Repeat("$${x} %%{y}\n", maxPieces/2) + "E\n", hcl.Pos{Line: 1, Column: 1}, "Text too long"},
		"quoted":            {text: `a = "` + strings.Repeat(`x\n`, 100_000) + `"`},
		"JSON":              {"{\n\"a\": \"" + strings.Repeat(`x\n`, maxPieces+1) + `"}`, hcl.Pos{Line: 2, Column: 1, Byte: 2}, "Text too long"},
		"JSON, escaped":     {`{"a": "` + strings.Repeat(`\u000A`, maxPieces+1) + `"}`, hcl.Pos{Line: 1, Column: 1}, "Text too long"},
		"JSON, many":        {text: `{"a": [` + strings.Repeat(`"x\n",`, 10*maxPieces) + `""]}`},
	} {
		got := Limits([]byte(c.text), "f")
		switch {
		case (got == nil) != (c.summary == ""):
			t.Errorf("%s: %v", name, got)
		case got != nil && (got.Summary != c.summary || got.Subject.Start != c.at):
			t.Errorf("%s: %s at %+v, want %s at %+v", name, got.Summary, got.Subject.Start, c.summary, c.at)
		}
	}
}
