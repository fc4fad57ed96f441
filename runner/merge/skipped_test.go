package merge

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/orch-build/orch/runner"
)

// TestSkipped puts together parts of which all, or some, were skipped.
func TestSkipped(t *testing.T) {
	whole := indexOf(image(amd64), image(arm64), about(amd64), about(arm64))
	for _, both := range []bool{true, false} {
		reg := stored{}
		results := sample(t, reg)
		d := reg.push(t, "example.com/app", whole)
		reg.push(t, "example.com/other", whole)
		for i, r := range results {
			one := r.Targets[0]
			if i == 0 && !both {
				one.Pending = json.RawMessage(`{"a":1}`)
				continue
			}
			one.Digest, one.Skipped = d, &runner.Skipped{Run: "before", Built: time.Unix(1, 0)}
			for j := range one.Unpublished {
				one.Unpublished[j].Digest = d
			}
		}
		m := gathered(t, results...).Merge()
		if err := m.Indexes(t.Context(), reg); err != nil {
			t.Fatal(err)
		}
		res := m.Report.Targets[0].Result
		if (res.Skipped != nil) != both {
			t.Errorf("all skipped: %v; the result says %+v", both, res.Skipped)
		}
		for i, tag := range res.Unpublished {
			if tag.Digest != d || res.Digest != d {
				t.Errorf("all skipped: %v; tag %d is to point to %s, want %s", both, i, tag.Digest, d)
			}
		}
		if n := len(m.Pending("app")); (n == 0) != both {
			t.Errorf("all skipped: %v; %d parts say something of a record", both, n)
		}
	}
}
