package rego

import (
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

// TestDocs runs the example of docs/policy.md, and holds it to what the page
// says that it decides.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(t.Context(), set(one(block(t, string(data), "rego"))), Env{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(block(t, string(data), "text")) {
		want, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		req := source(strings.TrimSpace(id))
		if rest, ok := strings.CutPrefix(req.Source.Source.Identifier, "git://"); ok {
			url, _, _ := strings.Cut(rest, "#")
			req.Source.Source.Attrs = map[string]string{pb.AttrFullRemoteURL: "https://" + url}
		}
		d, next, err := p.Check(t.Context(), req)
		if err != nil || next != nil {
			t.Fatal(id, next, err)
		}
		if got := strings.ToLower(d.Action.String()); got != want {
			t.Errorf("%s: %s, and the page says %s", id, got, want)
		}
		n++
	}
	if n < 5 {
		t.Errorf("the page has %d decisions", n)
	}
}

// block is the first code block of a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n```"+language+"\n")
	text, _, ok2 := strings.Cut(rest, "\n```")
	if !ok || !ok2 {
		t.Fatalf("no block of %s", language)
	}
	return text
}
