package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/runner"
)

// On a terminal, a run in which nothing is new is one line, and of many targets only
// the new ones have a row.
func TestGoodOnTerminal(t *testing.T) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	run := func(n, built int) *runner.Report {
		r := &runner.Report{Builder: "the embedded builder", Started: started, Finished: started.Add(100 * time.Millisecond)}
		for i := range n {
			res := &runner.Result{}
			if i < built {
				res.Steps.Run = 1
			}
			r.Targets = append(r.Targets, doneTarget(fmt.Sprintf("t%02d", i), res))
		}
		return r
	}
	tests := []struct {
		name       string
		printer    Printer
		rows       int
		has, lacks string
	}{
		{"nothing new", Printer{Width: 100, Run: run(6, 0)}, 0, "6 targets up to date in 0.10s on the embedded builder", "stays in the build cache"},
		{"asked for", Printer{Width: 100, Verbose: true, Run: run(6, 0)}, 6, "6 targets in 0.10s", "up to date"},
		{"no terminal", Printer{Run: run(6, 0)}, 6, "6 targets in 0.10s", "up to date"},
		{"one new", Printer{Width: 100, Run: run(6, 1)}, 6, "6 targets in 0.10s", "up to date"},
		{"many", Printer{Width: 100, Run: run(300, 2)}, 2, "and 298 targets up to date; --verbose lists them", "t09"},
		{"many, all new", Printer{Width: 100, Run: run(30, 30)}, 30, "30 targets in 0.10s", "up to date"},
		{"nothing built", Printer{Width: 100, Run: &runner.Report{Targets: run(1, 0).Targets}}, 1, "nothing was built", "up to date"},
	}
	for _, tt := range tests {
		var out strings.Builder
		tt.printer.Out = &out
		tt.printer.Good()
		text := out.String()
		if rows := strings.Count(text, "\nt"); rows != tt.rows || !strings.Contains(text, tt.has) || strings.Contains(text, tt.lacks) {
			t.Errorf("%s: %d rows in\n%s", tt.name, rows, text)
		}
	}
}
