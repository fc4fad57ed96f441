package report

import (
	"strings"
	"testing"

	"github.com/orch-build/orch/runner"
)

func TestPrintContextChanges(t *testing.T) {
	var out strings.Builder
	r := &runner.Report{}
	for _, name := range []string{"a", "b\x1b", "c", "d", "e", "f", "g"} {
		r.Changed = append(r.Changed, runner.ContextChange{Context: "src", Path: name, What: "vanished"})
	}
	(&Printer{Out: &out, Run: r}).ContextChanges()
	want := "Warning: the context src changed while it was read: a vanished, \"b\\x1b\" vanished, c vanished, " +
		"d vanished, e vanished, and 2 more. With --strict-context this is an error.\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
