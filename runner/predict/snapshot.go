package predict

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/packedjson"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
)

const (
	snapshotName    = "inputs.json.gz"
	aboutName       = "inputs.json"
	explanationName = "explanation.json"
	// mostAbout is how many runs are looked at for one that was made of the same.
	mostAbout = 8
)

// about says of a run what is needed where nothing else is: which of its targets
// were built, of what. The snapshot itself is long, and the same in all runs between
// which nothing has changed, which share one file.
type about struct {
	Version int       `json:"version"` // of the snapshot
	Sum     string    `json:"sum"`     // of the snapshot
	Taken   time.Time `json:"taken"`
	Commit  string    `json:"commit,omitempty"`
	Started time.Time `json:"started"`
	Builder string    `json:"builder,omitempty"`
	Built   []string  `json:"built"`
}

// SaveSnapshot writes into the folder of a run what it was made of.
func (r Runs) SaveSnapshot(dir string, s *facts.Snapshot, run *runner.Report) error {
	a := about{
		Version: facts.Version, Sum: s.Sum(), Taken: s.Taken, Commit: s.Commit, Started: run.Started, Builder: run.Builder, Built: []string{},
	}
	for _, t := range run.Targets {
		if t.State == runner.Done {
			a.Built = append(a.Built, t.Name())
		}
	}
	data, err := json.Marshal(a)
	if err == nil && !r.share(dir, a.Sum) {
		err = writeSnapshot(dir, s)
	}
	if err == nil {
		err = output.WriteFile(filepath.Join(dir, aboutName), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping what the run was made of: %w", err)
	}
	return nil
}

// share has a run use the snapshot of an earlier one that was made of the same. It
// says whether there was one.
func (r Runs) share(dir, sum string) bool {
	ids := r.IDs()
	for _, id := range ids[:min(len(ids), mostAbout)] {
		from := filepath.Join(r.dir, id)
		if a := readAbout(from); a == nil || a.Sum != sum {
			continue
		}
		if output.Share(filepath.Join(from, snapshotName), filepath.Join(dir, snapshotName)) == nil {
			return true
		}
	}
	return false
}

func writeSnapshot(dir string, s *facts.Snapshot) error {
	return packedjson.Write(filepath.Join(dir, snapshotName), s)
}

// readAbout reads what is known of a run; nil if that is nothing.
func readAbout(dir string) *about {
	data, err := os.ReadFile(filepath.Join(dir, aboutName))
	a := &about{}
	if err != nil || json.Unmarshal(data, a) != nil || a.Version != facts.Version {
		return nil
	}
	return a
}

// loadSnapshot reads the snapshot of a run; nil if it has none that can be read
// here. One that says the same as now, which may be nil, is not read.
func loadSnapshot(dir string, a *about, now *facts.Snapshot) *facts.Snapshot {
	if a != nil && now != nil && a.Sum == now.Sum() {
		same := *now
		same.Taken, same.Commit = a.Taken, a.Commit
		return &same
	}
	const most = 1 << 30
	s := &facts.Snapshot{}
	if packedjson.Read(filepath.Join(dir, snapshotName), most, s) != nil || s.Version != facts.Version || !s.Sound() {
		return nil
	}
	if a != nil {
		s.Taken, s.Commit = a.Taken, a.Commit
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
