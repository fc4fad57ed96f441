package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/page"
)

const (
	planName = "plan.json.gz"
	// mostPlan bounds a plan that is read.
	mostPlan = 512 << 20
)

// savePlan keeps the plan of a run beside its record.
func savePlan(dir string, plan *page.Data) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(z).Encode(plan)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = output.WriteFile(filepath.Join(dir, planName), b.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the plan of the run: %w", err)
	}
	return nil
}

// Plan is the plan of the run; nil if none is kept that can be read.
func (k Kept) Plan() *page.Data {
	f, err := os.Open(filepath.Join(k.Dir, planName))
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil
	}
	d := &page.Data{}
	if json.NewDecoder(io.LimitReader(z, mostPlan)).Decode(d) != nil {
		return nil
	}
	d.Sound()
	d.Run, d.Steps, d.Failures = nil, nil, nil
	return d
}
