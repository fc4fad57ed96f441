package termtext

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/termtext/logread"
)

func TestText(t *testing.T) {
	tests := map[string]string{
		"plain text\n\twith a tab\n":                  "plain text\n\twith a tab\n",
		"\x1b[31mred\x1b[0m":                          "red",
		"\x1b[2J\x1b[1;1Hclear":                       "clear",
		"\x1b]0;title\x07after":                       "after",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\":    "link",
		"\x1b]0;never ends\nnext line":                "\nnext line",
		"\x1bPq\x1b\\x":                               "x",
		"\x1b(Bx\x1b7y":                               "xy",
		"\u009b31mx\u009d0;t\u009cy":                  "xy",
		"bell\x07 nul\x00 back\x08 del\x7f":           "bell nul back del",
		"a\r\nb":                                      "a\nb",
		"a\r::error::x":                               "a\n: :error::x",
		"a\rb":                                        "a\nb",
		"\u202eabc\u2066":                             `\u202eabc\u2066`,
		"::error::x\n  ::warning::y\nx ::z":           ": :error::x\n  : :warning::y\nx ::z",
		"\u200b::error::x":                            "\u200b: :error::x",
		"\u00a0::error::x":                            "\u00a0: :error::x",
		"##[error]x ##vso[a.b]y ##TeamCity[z]":        "## [error]x ##vso [a.b]y ##TeamCity [z]",
		"#\u200b#[x] #\x1b[1m#[x] # #[x] #[x]":        "#\u200b# [x] ## [x] # #[x] #[x]",
		"section_start:1:a\r\x1b[0Kb section_end:1:a": "section_start :1:a\nb section_end :1:a",
		"--- a\n+++ b\n":                              "--- a\n+++ b\n",
		"\xff\xc3":                                    "\uFFFD\uFFFD",
		"日本語 é e\u0301":                               "日本語 é e\u0301",
		string(Red) + "marks" + string(Reset):         "marks",
		strings.Repeat("x", 100) + "##[y]":            strings.Repeat("x", 100) + "## [y]",
	}
	for in, want := range tests {
		if got := Text(in); got != want && len(in) < 1000 {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Colours stay where they may be used, and end with the line.
func TestColors(t *testing.T) {
	in := "\x1b[31;1mred\x1b[0m \x1b[38:5:1mx\x1b[2K\x1b[?25l\x1b[31\nnext"
	f := Filter{Colors: true}
	want := "\x1b[31;1mred\x1b[0m \x1b[38:5:1mx\x1b[0m\nnext"
	if got := string(f.End(f.Append(nil, []byte(in)))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a Writer writes for orch itself is coloured; what comes from others is
// not, and data is left as it is.
func TestWriter(t *testing.T) {
	for _, color := range []bool{true, false} {
		var b bytes.Buffer
		w := NewWriter(&b, Sink{Color: color})
		io.WriteString(w, string(Red)+"Error: "+string(Reset)+"\x1b[32mgreen\n::error::x\n")
		io.WriteString(Colored(w), "\x1b[32mgreen\x1b[0m\x1b[2J\n")
		io.WriteString(Raw(w), "::group::x\n")
		want := "Error: green\n: :error::x\ngreen\n::group::x\n"
		if color {
			want = "\x1b[31;1mError: \x1b[0mgreen\n: :error::x\n\x1b[32mgreen\x1b[0m\n::group::x\n"
		}
		if b.String() != want {
			t.Errorf("colour %t: %q, want %q", color, b.String(), want)
		}
	}
}

func TestBuildkiteHeaders(t *testing.T) {
	f := Filter{Headers: true}
	got := string(f.Append(nil, []byte("--- a\n+++ b\n~~~ c\n^^^ +++\n  --- d\nx --- e\n-- f\n")))
	if found := logread.Headers(got); len(found) > 0 {
		t.Errorf("headers are left: %q", found)
	}
	if !strings.Contains(got, "\n  --- d\nx --- e\n-- f\n") {
		t.Errorf("more is broken than headers: %q", got)
	}
}

func TestColorDecision(t *testing.T) {
	for _, tt := range []struct {
		terminal bool
		env      map[string]string
		want     bool
	}{
		{true, nil, true},
		{false, nil, false},
		{true, map[string]string{"NO_COLOR": "1"}, false},
		{true, map[string]string{"NO_COLOR": ""}, true},
		{true, map[string]string{"TERM": "dumb"}, false},
	} {
		if got := color(tt.terminal, func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("terminal %t, %v: %t", tt.terminal, tt.env, got)
		}
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("a", 5000) + "HERE" + strings.Repeat("b", 5000)
	for place, want := range map[int]string{0: "aaa", 5000: "HERE", 10004: "bbb"} {
		cut, at := Cut(long, place)
		if n := utf8.RuneCountInString(cut); n > MaxSource+2 {
			t.Errorf("at %d: %d characters", place, n)
		}
		rest := string([]rune(cut)[at:])
		if place < 10000 && !strings.HasPrefix(rest, want) || place > 10000 && rest != "" {
			t.Errorf("at %d: %q", place, rest)
		}
	}
	if cut, at := Cut("short", 3); cut != "short" || at != 3 {
		t.Errorf("%q, %d", cut, at)
	}
}

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "日本": 4, "e\u0301": 1, "\x1b[31mred\x1b[0m": 3, "": 0, "é": 1, "…": 1} {
		if got := Width(text); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
	if got := Clip("日本語", 5); Width(got) > 5 || got != "日本…" {
		t.Errorf("%q", got)
	}
	if got := ClipFront("日本語", 5); Width(got) > 5 || got != "…本語" {
		t.Errorf("%q", got)
	}
	if got := Wrap("one two three four\nfive", 9, "  "); got != "one two\n  three\n  four\nfive" {
		t.Errorf("%q", got)
	}
}

// FuzzFilter feeds anything, in pieces, and finds nothing that is obeyed.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"\x1b]0;pwn\x07\x1b[2J\x1b[31mred\x1b[0m \u009b31m bell\x07 \r overwritten\n", "::set-output name=x::y\n##[error]old\n  ::warning::indented\n",
		"a\r::error::aftercr\n", "\u202ebidi\n", "section_start:1:x[collapsed=true]\r\x1b[0Ktitle", "##vso[task.setvariable]", "##teamcity[x]",
		"#\x1b[31m#[error]", ":\x1b[0m:error::x", "--- x\n+++ y\n", "\xc2", "\xe2\x80", ":", "\ufdd0::", "\v::x\f::y\u2028::z", "-\x1b[1m--\x1b[0m x",
		"\x1b\x1b[31m::x", "\x1b[\r::x", "\x1bP\r::x", "[##[", "###[x]", "##é[x]", "\u200b:\u200b:x",
	} {
		f.Add(s, 1, true)
		f.Add(s, 3, false)
	}
	f.Fuzz(func(t *testing.T, s string, n int, colors bool) {
		filter := Filter{Colors: colors, Headers: true, styles: colors}
		var out []byte
		for rest := []byte(s); len(rest) > 0; {
			k := min(max(n, 1), len(rest))
			out = filter.Append(out, rest[:k])
			rest = rest[k:]
		}
		check(t, string(filter.End(out)), colors)
		check(t, Line(s), false)
		if strings.Contains(Line(s), "\n") {
			t.Errorf("%q is not a line", Line(s))
		}
		checkJSON(t, s)
		checkXML(t, s)
		if h := HTML(s); strings.ContainsAny(h, `<>"'`) || len(logread.Controls(h)) > 0 {
			t.Errorf("HTML: %q", h)
		}
		Cut(s, n)
		if got := Clip(Line(s), 20); Width(got) > 20 {
			t.Errorf("%q is %d wide", got, Width(got))
		}
	})
}

func check(t *testing.T, out string, colors bool) {
	t.Helper()
	if found := logread.Commands(out); len(found) > 0 {
		t.Errorf("%q: commands %q", out, found)
	}
	shown := out
	if colors {
		shown = logread.Uncolored(out)
	}
	if found := logread.Controls(shown); len(found) > 0 {
		t.Errorf("%q: %q", out, found)
	}
	if found := logread.Headers(out); colors && len(found) > 0 {
		t.Errorf("%q: headers %q", out, found)
	}
}

// checkJSON wants the same value out of a document that a log may show.
func checkJSON(t *testing.T, s string) {
	t.Helper()
	s = strings.ToValidUTF8(s, "?")
	data, err := json.MarshalIndent(map[string]string{"k": s}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	out := JSON(data)
	var back map[string]string
	if err := json.Unmarshal(out, &back); err != nil || back["k"] != s {
		t.Errorf("%q became %q: %v", s, back["k"], err)
	}
	if found := logread.Commands(string(out)); len(found) > 0 && !strings.HasPrefix(found[0], "GitLab") {
		t.Errorf("%s: %q", out, found)
	}
	if found := logread.Controls(string(out)); len(found) > 0 {
		t.Errorf("%s: %q", out, found)
	}
}

// checkXML wants a document that can be read.
func checkXML(t *testing.T, s string) {
	t.Helper()
	type doc struct {
		Attr string `xml:"attr,attr"`
		Text string `xml:",chardata"`
	}
	data, err := xml.Marshal(doc{XML(s), XML(s)})
	if err != nil {
		t.Fatal(err)
	}
	var back doc
	if err := xml.Unmarshal(data, &back); err != nil {
		t.Errorf("%q: %v", data, err)
	}
}

func TestBrief(t *testing.T) {
	if got := Brief(strings.Repeat("é", 3000), 10); got != strings.Repeat("é", 10)+"… (5980 bytes more)" {
		t.Errorf("%q", got)
	}
	if got := Brief("short", 10); got != "short" {
		t.Errorf("%q", got)
	}
}

// TestFinal has what a line of output is on a terminal in the end.
func TestFinal(t *testing.T) {
	tests := map[string]string{
		"plain":                     "plain",
		"10%\r20%\r30%":             "30%",
		"\x1b[31mred\x1b[0m\x1b[2J": "red",
		"tab\tbell\a":               "tab bell",
		"\x1b]0;title\x07text":      "text",
	}
	for in, want := range tests {
		if got := Final(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestWrap breaks lines at blanks, leaves the other blanks as they are, and breaks no word.
func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"one  two three", 0, "one  two three"},
		{"one  two three", 14, "one  two three"},
		{"one  two three", 10, "one  two\n..three"},
		{"  one two", 6, "  one\n..two"},
		{"one averylongword two ", 6, "one\n..averylongword\n..two"},
		{"日本語 日本語", 8, "日本語\n..日本語"},
		{"a\n   \nb", 2, "a\n\nb"},
	} {
		if got := Wrap(c.text, c.width, ".."); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestWrapBeside(t *testing.T) {
	for columns, want := range map[int]string{
		0:  "> 12 | RUN make all the  things",
		31: "> 12 | RUN make all the  things",
		27: "> 12 | RUN make all the\n     | things",
		10: "> 12 | RUN make all the\n     | things", // it has some columns in any case
	} {
		if got := wrapBeside("> 12 | ", "     | ", "RUN make all the  things", columns); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
	}
	for columns, want := range map[int]string{0: "To go on: orch bake -k", 22: "To go on: orch bake -k", 21: "To go on:\norch bake -k"} {
		if got := wrapCommand("To go on:", "orch bake -k", columns); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
	}
}
