package check

import (
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner"
)

// The targets of a matrix have one line, and so what is wrong with it.
func TestToldOnce(t *testing.T) {
	ck := &checker{told: map[told]*telling{}}
	line := fault.Range{Filename: "build.hcl", Start: fault.Pos{Line: 3}}
	for _, name := range []string{"a-1", "a-1", "a-2", "set", "other"} {
		target := &config.Target{Name: name, Range: line}
		if name == "set" {
			target.Overridden = map[string]string{"output": "--set set.output=x"}
		}
		at := line
		if name == "other" {
			at.Start.Line = 5
		}
		before := len(ck.report.Diags)
		ck.warn(&planner.Build{Target: target}, at, "Unknown option", "there is no %q.", "x")
		pointAtFlag(target, "output", ck.report.Diags[before:])
	}
	want := []string{
		`Targets "a-1", "a-2": there is no "x".`,
		`Target "set": there is no "x". This was set by --set set.output=x.`,
		`Target "other": there is no "x".`,
	}
	if len(ck.report.Diags) != len(want) {
		t.Fatalf("%d diagnostics: %v", len(ck.report.Diags), ck.report.Diags)
	}
	for i, d := range ck.report.Diags {
		if d.Detail != want[i] || d.Severity != fault.Warning {
			t.Errorf("%s, not %s", d.Detail, want[i])
		}
	}
}
