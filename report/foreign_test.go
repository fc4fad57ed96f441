package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/diag"
	"github.com/orch-build/orch/internal/page"
	"github.com/orch-build/orch/internal/shellquote"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/termtext/logread"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// hostile is a text that a terminal or a CI service would obey.
const hostile = "x\n::error::a\r::add-mask::b\x1b]0;t\x07\x1b[2J##[error]c ##vso[d]e ##teamcity[f] \u202e\u009b31m" +
	"\nsection_start:1:a[collapsed=true]\r\x1b[0Kb\n--- d\n+++ e\n  ::warning::g\x00\u200b\n\u200b::h::i"

// Whatever of a run is shown is obeyed by nobody, but for the annotations that
// are orch's own.
func TestForeignTextOfARun(t *testing.T) {
	target := &config.Target{Name: hostile, Tags: []string{hostile}, Tests: []*config.Test{{Name: hostile, Run: []string{hostile}}}}
	failure := &runner.Failure{
		Target: hostile, Stage: hostile, Platform: hostile, File: hostile, Line: 1, Step: hostile, ExitCode: -1, Reason: hostile,
		Fault: runner.FaultUser, LogFile: hostile, Log: strings.Split(hostile, "\n"), Err: errors.New(hostile),
		Excerpt: []runner.ExcerptLine{{Number: 1, Text: hostile, Marked: true}},
		Tests:   []runner.TestResult{{Name: hostile, Failure: hostile, Output: []string{hostile}}, {Name: "2", Failure: hostile}},
	}
	build := &planner.Build{Target: target, Wanted: true}
	report := &runner.Report{
		Plan: &planner.Plan{Graph: &planner.Graph{}, Builds: []*planner.Build{build}}, Builder: hostile,
		Targets: []*runner.TargetReport{
			{Build: build, State: runner.Failed, Err: failure},
			{Build: build, State: runner.Blocked, Cause: hostile, CauseStage: hostile},
			{Build: build, State: runner.Done, Result: &runner.Result{
				Digest: hostile, BuildStage: hostile, ImageSize: 1, BuildStageSize: 9, Outputs: []runner.Output{{Where: hostile}},
			}},
		},
		Caches: runner.CacheFaults{{Where: hostile, Err: errors.New(hostile), Read: true}},
		Steps:  []*runner.StepReport{{Name: hostile, Label: hostile, Targets: []string{hostile}, Took: time.Hour}},
	}
	for _, github := range []string{"", "true"} {
		var out bytes.Buffer
		getenv := func(name string) string {
			return map[string]string{"GITHUB_ACTIONS": github, "BUILDKITE": "true"}[name]
		}
		w := termtext.NewWriter(&out, termtext.SinkOf(&out, func(name string) (string, bool) { return getenv(name), true }))
		p := &Printer{Out: w, Width: 80, Getenv: getenv, Mask: func(s string) string { return s }, Run: report, Resume: shellquote.Command("orch", "bake", hostile), Kept: true}
		p.Failed()
		p.Good()
		p.CacheFaults()
		_ = (&diag.Printer{Out: w, Getenv: getenv}).Print(hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: hostile, Detail: hostile,
			Subject: &hcl.Range{Filename: hostile, Start: hcl.Pos{Line: 2, Column: 3}, End: hcl.Pos{Line: 3, Column: 1}},
		}}, map[string][]byte{hostile: []byte(hostile)})
		found := slices.DeleteFunc(logread.Commands(out.String()), func(line string) bool {
			return github == "true" && strings.HasPrefix(line, "GitHub: ::error ") && strings.Count(line, "\n") == 0
		})
		if len(found) > 0 {
			t.Errorf("GITHUB_ACTIONS=%s: commands: %q", github, found)
		}
		if found := append(logread.Controls(out.String()), logread.Headers(out.String())...); len(found) > 0 {
			t.Errorf("GITHUB_ACTIONS=%s: %q", github, found)
		}
	}
	testForeignFiles(t, report)
}

// testForeignFiles looks at the files that a run leaves.
func testForeignFiles(t *testing.T, report *runner.Report) {
	dir := t.TempDir()
	junit := filepath.Join(dir, "junit.xml")
	if err := WriteJUnit(junit, report); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var any struct {
		XMLName xml.Name
	}
	if err := xml.Unmarshal(data, &any); err != nil {
		t.Error(err)
	}
	var text bytes.Buffer
	if err := page.Write(&text, record.New(report, record.Info{}).Page(record.Beside{})); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"junit.xml": string(data), "report.html": text.String()} {
		if found := logread.Controls(text); len(found) > 0 {
			t.Errorf("%s: %q", name, found)
		}
	}
}

// A source of many megabytes in one line, or a message that quotes it, is cut.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 5_000_000)
	var out bytes.Buffer
	w := termtext.NewWriter(&out, termtext.Sink{})
	getenv := func(string) string { return "true" }
	err := (&diag.Printer{Out: w, Getenv: getenv}).Print(hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: "Wrong " + long, Detail: "There is no " + long,
		Subject: &hcl.Range{Filename: "f", Start: hcl.Pos{Line: 1, Column: 4_000_000}, End: hcl.Pos{Line: 1, Column: 4_500_000}},
	}}, map[string][]byte{"f": []byte(long)})
	if err == nil {
		t.Error("no error")
	}
	f := &runner.FailureGroup{Targets: []string{"a"}, Failure: &runner.Failure{
		ExitCode: -1, Err: errors.New(long), Excerpt: []runner.ExcerptLine{{Number: 1, Text: long}},
	}}
	printFailure(w, f, func(s string) string { return s })
	if out.Len() > 20_000 {
		t.Errorf("%d bytes", out.Len())
	}
}
