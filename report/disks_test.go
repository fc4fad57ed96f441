package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner"
)

// TestFullDisks advises to make room on the disk that is full.
func TestFullDisks(t *testing.T) {
	measured := fmt.Errorf("writing %w", &output.Error{Name: "a/out", Err: syscall.ENOSPC, Full: &output.Disk{Dir: "a", Free: 0, Total: 1 << 20}})
	unmeasured := &output.Error{Name: "b/out", Err: syscall.EDQUOT}
	step := errors.New("no space left on device")
	for name, tt := range map[string]struct {
		errs []error
		want []string // what is said, in order; of nothing else a line is
	}{
		"an output":           {[]error{measured, measured}, []string{"An output did not fit: the disk of a had 0B of 1.049MB free."}},
		"one without figures": {[]error{unmeasured}, []string{"An output did not fit: the disk of b/out is full."}},
		"a step":              {[]error{step}, []string{"'orch builder prune' with the same --builder"}},
		"both":                {[]error{step, measured}, []string{"An output did not fit", "'orch builder prune'"}},
	} {
		var groups []*runner.FailureGroup
		for _, err := range tt.errs {
			groups = append(groups, &runner.FailureGroup{Failure: &runner.Failure{DiskFull: true, Err: err}})
		}
		var out bytes.Buffer
		p := &Printer{Out: &out, Run: &runner.Report{}}
		p.fullDisks(append(groups, &runner.FailureGroup{Failure: &runner.Failure{Err: errors.New("x")}}))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != len(tt.want) {
			t.Errorf("%s: %q", name, lines)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: %q, want %q", name, lines[i], want)
			}
		}
	}
}
