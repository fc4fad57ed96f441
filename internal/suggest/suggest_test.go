package suggest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	known := []string{"tags", "target", "args", "context", "contexts", "stage", "Debug"}
	for given, want := range map[string]string{
		"tag": "tags", "trget": "target", "contxt": "context", "arg": "args", "stagee": "stage",
		"TARGET": "target", "debug": "Debug", "cntxt": "context",
		"zzzzzz": "", "x": "", "": "", "ox": "", "app": "", strings.Repeat("target", 1_000_000): "",
	} {
		if got := Name(given, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	if got := Sentence("trget", []string{"target"}); got != ` Did you mean "target"?` {
		t.Errorf("a name that is alike: %q", got)
	}
	if got := Sentence("trget", []string{"output"}); got != "" {
		t.Errorf("no name that is alike: %q", got)
	}
}
