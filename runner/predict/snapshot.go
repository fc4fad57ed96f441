package predict

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
)

const (
	snapshotName    = "inputs.json.gz"
	explanationName = "explanation.json"
)

// SaveSnapshot writes a snapshot into the folder of a run.
func SaveSnapshot(dir string, s *facts.Snapshot) error {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(z).Encode(s)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = output.WriteFile(filepath.Join(dir, snapshotName), buf.Bytes(), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping what the run was made of: %w", err)
	}
	return nil
}

// LoadSnapshot reads the snapshot of a run; nil if it has none that can be read
// here.
func LoadSnapshot(dir string) *facts.Snapshot {
	f, err := os.Open(filepath.Join(dir, snapshotName))
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil
	}
	const most = 1 << 30
	s := &facts.Snapshot{}
	if json.NewDecoder(io.LimitReader(z, most)).Decode(s) != nil || s.Version != facts.Version || !s.Sound() {
		return nil
	}
	return s
}

// SaveExplanation writes an explanation into the folder of a run.
func SaveExplanation(dir string, e *explain.Explanation) error {
	data, err := json.Marshal(e)
	if err == nil {
		err = output.WriteFile(filepath.Join(dir, explanationName), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping why targets were built: %w", err)
	}
	return nil
}

// LoadExplanation reads the explanation of a run; nil if there is none.
func LoadExplanation(dir string) *explain.Explanation {
	data, err := os.ReadFile(filepath.Join(dir, explanationName))
	e := &explain.Explanation{}
	if err != nil || json.Unmarshal(data, e) != nil || e.Version != explain.Version {
		return nil
	}
	return e
}
