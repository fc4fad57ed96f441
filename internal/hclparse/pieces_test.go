package hclparse

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// parts are what texts are put together of; N stands for a number.
var parts = []string{
	"target \"tN\" {\n  args = { A = \"${x}\" }\n}\n", "vN = 1\n", "\n", "\r\n", "# }\n", "group \"gN\" { targets = [\"a\"] }\n",
	"hN = <<E\n}\n@@ \" ${x} {\nE\n", "/* }\n@ @ @ @ @ @ @ @ @ @ @ @\n} \" */\n", "lN = [\n1,\n2,\n]\n", "sN = \"é${[for a in b : \"}\"]}\"\n",
	"target \"x\" {\n", "}\n", "@\n", "\"\n", "same = 1\n", "wN = \"" + strings.Repeat("long ", 40) + "\"\n", "iN = <<-E\n  a\n  E\n", "/*\n", "*/\n",
	"\xef\xbb\xbf", "\xff\n", "// ${\n", "qN = (\n1 +\n2)\n",
}

// TestParse compares random texts with what the parser makes of all at once.
func TestParse(t *testing.T) {
	small := sizes{large: 64, piece: 16, faults: 1000}
	r := rand.New(rand.NewPCG(1, 2))
	clean := 0
	for range 1500 {
		var text strings.Builder
		broken := r.IntN(3) == 0
		for n := range 1 + r.IntN(40) {
			k := r.IntN(len(parts))
			if !broken && (parts[k] == "target \"x\" {\n" || len(parts[k]) < 4 && strings.Trim(parts[k], "\r\n") != "" || parts[k] == "same = 1\n") {
				continue
			}
			text.WriteString(strings.ReplaceAll(parts[k], "N", fmt.Sprint(n)))
		}
		src := text.String()
		want, wantDiags := hclsyntax.ParseConfig([]byte(src), "f", hcl.InitialPos)
		got, gotDiags := small.parse([]byte(src), "f")
		if !reflect.DeepEqual(hcl.Body(got), want.Body) && !wantDiags.HasErrors() {
			t.Fatalf("%q: another body", src)
		}
		if !sameSet(gotDiags, wantDiags) {
			t.Fatalf("%q:\n%v\nwant\n%v", src, gotDiags, wantDiags)
		}
		if !wantDiags.HasErrors() {
			clean++
		}
	}
	if clean < 50 {
		t.Errorf("only %d texts had no fault", clean)
	}
}

// sameSet compares what is said, where the order is another: the faults of characters
// come before all others.
func sameSet(a, b hcl.Diagnostics) bool {
	count := map[string]int{}
	for _, d := range a {
		count[d.Error()]++
	}
	for _, d := range b {
		count[d.Error()]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestGivenUp wants a text that is no HCL to be left after the first faults, wherever
// they begin, and nothing else.
func TestGivenUp(t *testing.T) {
	const size = 1 << 20
	good := "target \"a\" {\n  args = { A = 1 }\n}\n"
	for name, c := range map[string]struct {
		src  string
		line int // of the first fault, 0 is none
	}{
		"character":       {strings.Repeat("@", size), 1},
		"zeros":           {strings.Repeat("\x00", size), 1},
		"words":           {strings.Repeat("a\n", size/2), 1},
		"behind good":     {strings.Repeat(good, size/len(good)) + strings.Repeat("@\n", size/2), 3*(size/len(good)) + 1},
		"unclosed":        {"/*" + strings.Repeat("@\n", size), 1},
		"comment":         {"/*\n" + strings.Repeat("@\n", size/2) + "*/\n" + good, 0},
		"comment, a line": {"/*" + strings.Repeat("@", size) + "*/\n" + good, 0},
		"string":          {"a = \"" + strings.Repeat("@", size) + "\"\n", 0},
		"heredoc":         {"a = <<E\n" + strings.Repeat(strings.Repeat("@", 2000)+"\n}\n", size/2000) + "E\n", 0},
		"list":            {"a = [\n" + strings.Repeat("1,\n", size/4) + "]\n", 0},
		"good":            {strings.Repeat(good, size/len(good)), 0},
	} {
		body, diags := defaults.parse([]byte(c.src), "f")
		if len(diags) > defaults.faults+1 {
			t.Errorf("%s: %d faults", name, len(diags))
		}
		line := 0
		if diags.HasErrors() {
			line = diags[0].Subject.Start.Line
			if last := diags[len(diags)-1]; last.Summary != "Too many faults" || last.Subject == nil {
				t.Errorf("%s: the last: %v", name, last)
			}
		}
		if line != c.line {
			t.Errorf("%s: first fault in line %d, want %d: %v", name, line, c.line, diags)
		}
		if blocks := len(body.Blocks); name == "good" && blocks != size/len(good) {
			t.Errorf("%d blocks", blocks)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	src := []byte(strings.Repeat("target \"a\" {\n  args = { A = 1 }\n  tags = [\"x/y:1\"]\n}\n", 20000))
	for name, parse := range map[string]func(){
		"pieces": func() { Parse(src, "f") },
		"whole":  func() { hclsyntax.ParseConfig(src, "f", hcl.InitialPos) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				parse()
			}
		})
	}
}
