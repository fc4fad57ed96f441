// Package answer is what a frontend says of a build when it is asked about it in
// place of building it: as text, as JSON, and as findings with their places. It
// does not know how the frontend is asked.
package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/frontend/subrequests"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/protobuf/proto"

	"github.com/orch-build/orch/internal/definition"
	"github.com/orch-build/orch/planner"
)

// Answer is what the frontend said of a build.
type Answer struct {
	Method string
	// Err is why there is no answer.
	Err error
	// Build is what was asked about, and Fields what the frontend has returned.
	Build  *planner.Build
	Fields map[string][]byte
	// Judged puts an error into words that a policy is the reason of; nil leaves
	// it as it is.
	Judged func(error) error
}

// Status is the exit code that the answer stands for: 1 for warnings.
func (a *Answer) Status() int {
	if n, err := strconv.Atoi(string(a.Fields["result.statuscode"])); err == nil {
		return n
	}
	return 0
}

// JSON is the answer as the frontend gives it, or nil.
func (a *Answer) JSON() []byte { return a.Fields["result.json"] }

// Metadata is what the metadata file has of the answer.
func (a *Answer) Metadata() map[string]any {
	out := map[string]any{}
	for k, v := range a.Fields {
		out[k] = string(v)
	}
	if data := a.JSON(); json.Valid(data) {
		out["result.json"] = json.RawMessage(data)
	}
	return out
}

// Print writes the answer for people. An error is one that the frontend found
// in the Dockerfile.
func (a *Answer) Print(w io.Writer) error {
	data := a.Fields["result.json"]
	switch a.Method {
	case "lint":
		return a.printLint(w)
	case "outline":
		return outline.PrintOutline(data, w)
	case "targets":
		return targets.PrintTargets(data, w)
	case subrequests.RequestSubrequestsDescribe, strings.TrimPrefix(subrequests.RequestSubrequestsDescribe, "frontend."):
		return subrequests.PrintDescribe(data, w)
	}
	_, err := w.Write(a.Fields["result.txt"])
	return err
}

func (a *Answer) lint() (*lint.LintResults, error) {
	res := &lint.LintResults{}
	if err := json.Unmarshal(a.Fields["result.json"], res); err != nil {
		return nil, fmt.Errorf("reading the frontend's answer: %w", err)
	}
	if res.Error != nil {
		res.Error.Message = a.judged(errors.New(res.Error.Message)).Error()
	}
	return res, nil
}

func (a *Answer) judged(err error) error {
	if a.Judged == nil {
		return err
	}
	return a.Judged(err)
}

func (a *Answer) printLint(w io.Writer) error {
	res, err := a.lint()
	if err != nil {
		return err
	}
	switch n := len(res.Warnings); {
	case n == 1:
		fmt.Fprintln(w, "Check complete, 1 warning has been found!")
	case n > 1:
		fmt.Fprintf(w, "Check complete, %d warnings have been found!\n", n)
	case res.Error == nil:
		fmt.Fprintln(w, "Check complete, no warnings found.")
	}
	if err := res.PrintTo(w, a.named); err != nil {
		return err
	}
	if res.Error == nil {
		return nil
	}
	if len(res.Warnings) > 0 {
		fmt.Fprintln(w)
	}
	var text bytes.Buffer
	res.PrintErrorTo(&text, a.named)
	return errors.New(text.String())
}

// named gives a Dockerfile the name that the user knows.
func (a *Answer) named(info *pb.SourceInfo) *pb.SourceInfo {
	d := a.Build.Dockerfile
	if info == nil || d == nil || info.Filename != d.Filename {
		return info
	}
	info = proto.Clone(info).(*pb.SourceInfo)
	info.Filename = d.Name
	return info
}

// Findings are the warnings of a lint, and its error, with their places.
func (a *Answer) Findings() hcl.Diagnostics {
	if a.Err != nil {
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Dockerfile not checked",
			Detail: fmt.Sprintf("Target %q: %s.", a.Build.Name(), a.Err), Subject: &a.Build.Target.Range}}
	}
	res, err := a.lint()
	if err != nil {
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Dockerfile not checked", Detail: err.Error(), Subject: &a.Build.Target.Range}}
	}
	var out hcl.Diagnostics
	for _, w := range res.Warnings {
		detail := w.Detail
		if detail == "" {
			detail = w.Description
		}
		if w.URL != "" {
			detail += "\n" + w.URL
		}
		out = append(out, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: w.RuleName, Detail: detail, Subject: a.place(w.Location.Ranges)})
	}
	if res.Error != nil {
		out = append(out, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid Dockerfile", Detail: res.Error.Message, Subject: a.place(res.Error.Location.Ranges)})
	}
	return out
}

// place is a range of lines of the Dockerfile.
func (a *Answer) place(ranges []*pb.Range) *hcl.Range {
	d := a.Build.Dockerfile
	if d == nil || len(ranges) == 0 {
		return a.Build.Target.Range.Ptr()
	}
	first, last := definition.Lines(ranges)
	at := d.Lines(first, last)
	return &at
}
