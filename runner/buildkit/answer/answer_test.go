package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// lintResult is what the frontend says of a Dockerfile with a warning in line 2 and
// an error in line 3.
const lintResult = `{
  "warnings": [
    {"ruleName": "WorkdirRelativePath", "description": "Relative workdir", "url": "https://docs/rule", "detail": "Relative workdir x",
     "location": {"ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}},
    {"ruleName": "Other", "description": "Described", "location": {}}
  ],
  "sources": [{"filename": "Dockerfile", "data": "RlJPTSBzY3JhdGNoCldPUktESVIgeApCQUQKCg=="}],
  "buildError": {"message": "unknown instruction: BAD", "location": {"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]}}
}`

func newAnswer(method string, fields map[string]string) *Answer {
	a := &Answer{Method: method, Fields: map[string][]byte{}, Build: &planner.Build{
		Target:     &config.Target{Name: "app", Range: hcl.Range{Filename: "build.hcl", Start: hcl.Pos{Line: 7, Column: 1}}},
		Dockerfile: &planner.Dockerfile{Name: "web/Dockerfile", Filename: "Dockerfile", Data: []byte("FROM scratch\nWORKDIR x\nBAD\n")},
	}}
	for k, v := range fields {
		a.Fields[k] = []byte(v)
	}
	return a
}

func TestStatus(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "1": 1, "no number": 0} {
		if got := newAnswer("lint", map[string]string{"result.statuscode": text}).Status(); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestMetadata has the answer as JSON where it is some, and as a text where not.
func TestMetadata(t *testing.T) {
	for result, want := range map[string]string{
		`{"sources": ["RlJPTQ=="]}`: `{"result.json":{"sources":["RlJPTQ=="]},"result.txt":"text","version":"1"}`,
		"no object":                 `{"result.json":"no object","result.txt":"text","version":"1"}`,
	} {
		a := newAnswer("outline", map[string]string{"result.json": result, "result.txt": "text", "version": "1"})
		got, err := json.Marshal(a.Metadata())
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, error %v", result, got, err)
		}
		if string(a.JSON()) != result {
			t.Errorf("%s: the answer is %s", result, a.JSON())
		}
	}
	if m := newAnswer("lint", map[string]string{"version": "1"}).Metadata(); len(m) != 1 {
		t.Errorf("without a result: %v", m)
	}
}

// TestFindings have the places of the Dockerfile under the name that the user
// knows, and of the target where the frontend says none.
func TestFindings(t *testing.T) {
	found := newAnswer("lint", map[string]string{"result.json": lintResult}).Findings()
	if len(found) != 3 {
		t.Fatalf("%d findings: %v", len(found), found)
	}
	for i, want := range []struct {
		severity        hcl.DiagnosticSeverity
		summary, detail string
		file            string
		line            int
	}{
		{hcl.DiagWarning, "WorkdirRelativePath", "Relative workdir x\nhttps://docs/rule", "web/Dockerfile", 2},
		{hcl.DiagWarning, "Other", "Described", "build.hcl", 7},
		{hcl.DiagError, "Invalid Dockerfile", "unknown instruction: BAD", "web/Dockerfile", 3},
	} {
		f := found[i]
		if f.Severity != want.severity || f.Summary != want.summary || f.Detail != want.detail || f.Subject.Filename != want.file || f.Subject.Start.Line != want.line {
			t.Errorf("%d: %s (%s) at %s", i, f.Summary, f.Detail, f.Subject)
		}
	}
}

// TestNotChecked says so of a target about which the frontend said nothing, or
// nothing that can be read.
func TestNotChecked(t *testing.T) {
	silent := newAnswer("lint", nil)
	silent.Err = errors.New("no such frontend")
	for _, a := range []*Answer{silent, newAnswer("lint", map[string]string{"result.json": "{"})} {
		found := a.Findings()
		if len(found) != 1 || found[0].Severity != hcl.DiagError || found[0].Summary != "Dockerfile not checked" || found[0].Subject.Filename != "build.hcl" {
			t.Errorf("%v", found)
		}
	}
	if err := newAnswer("lint", map[string]string{"result.json": "{"}).Print(&bytes.Buffer{}); err == nil {
		t.Error("it was printed")
	}
}

func TestPrintLint(t *testing.T) {
	a := newAnswer("lint", map[string]string{"result.json": lintResult})
	a.Judged = func(err error) error { return errors.New(err.Error() + ", says the policy") }
	var out bytes.Buffer
	err := a.Print(&out)
	if err == nil || !strings.Contains(err.Error(), "unknown instruction: BAD, says the policy") || !strings.Contains(err.Error(), "web/Dockerfile:3") {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"Check complete, 2 warnings have been found!", "web/Dockerfile:2", "Relative workdir x"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	for text, want := range map[string]string{
		`{}`: "Check complete, no warnings found.\n",
		`{"warnings": [{"ruleName": "A", "description": "d", "location": {}}], "sources": [{"filename": "Dockerfile"}]}`: "Check complete, 1 warning has been found!\n",
	} {
		out.Reset()
		if err := newAnswer("lint", map[string]string{"result.json": text}).Print(&out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}

// TestPrintOthers prints what BuildKit prints, and text that the frontend made for
// methods of its own.
func TestPrintOthers(t *testing.T) {
	for _, tt := range []struct{ method, field, value, want string }{
		{"outline", "result.json", `{"name": "app", "args": [{"name": "VERSION", "value": "1"}]}`, "VERSION"},
		{"targets", "result.json", `{"targets": [{"name": "build", "base": "scratch"}]}`, "build"},
		{"subrequests.describe", "result.json", `[{"name": "frontend.outline", "description": "Lists args"}]`, "outline"},
		{"own", "result.txt", "as it is\n", "as it is\n"},
	} {
		var out bytes.Buffer
		if err := newAnswer(tt.method, map[string]string{tt.field: tt.value}).Print(&out); err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%s: %q, %v", tt.method, out.String(), err)
		}
	}
}

// TestNamed leaves the names of other files, and the frontend's own value, as they
// are.
func TestNamed(t *testing.T) {
	a := newAnswer("lint", nil)
	mine, other := &pb.SourceInfo{Filename: "Dockerfile"}, &pb.SourceInfo{Filename: "other"}
	if got := a.named(mine); got.Filename != "web/Dockerfile" || mine.Filename != "Dockerfile" {
		t.Errorf("%q, of %q", got.Filename, mine.Filename)
	}
	if a.named(other) != other || a.named(nil) != nil {
		t.Error("another file was renamed")
	}
}
