package record

import (
	"fmt"
	"path/filepath"

	"github.com/orch-build/orch/internal/packedjson"
	"github.com/orch-build/orch/internal/page"
)

const (
	planName = "plan.json.gz"
	// mostPlan bounds a plan that is read.
	mostPlan = 512 << 20
)

// savePlan keeps the plan of a run beside its record.
func savePlan(dir string, plan *page.Data) error {
	if err := packedjson.Write(filepath.Join(dir, planName), plan); err != nil {
		return fmt.Errorf("keeping the plan of the run: %w", err)
	}
	return nil
}

// Plan is the plan of the run; nil if none is kept that can be read.
func (k Kept) Plan() *page.Data {
	d := &page.Data{}
	if packedjson.Read(filepath.Join(k.Dir, planName), mostPlan, d) != nil {
		return nil
	}
	d.Sound()
	d.Run, d.Steps, d.Failures = nil, nil, nil
	return d
}
