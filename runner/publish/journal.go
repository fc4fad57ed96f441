package publish

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/output"
)

// journalVersion is that of the form of a journal.
const journalVersion = 1

// journal is a file that says which tags are being moved.
type journal struct {
	Version int       `json:"version"`
	Started time.Time `json:"started"`
	Moves   []Move    `json:"moves"`

	path string
}

// Pending is a journal that is not finished.
type Pending struct {
	Path    string    `json:"path"`
	Started time.Time `json:"started"`
	Moves   []Move    `json:"moves"`
}

// Pending lists the unfinished journals, the oldest first.
func (p *Publisher) Pending() ([]Pending, error) {
	journals, err := p.journals()
	if err != nil {
		return nil, err
	}
	var out []Pending
	for _, j := range journals {
		out = append(out, Pending{Path: j.path, Started: j.Started, Moves: j.Moves})
	}
	return out, nil
}

// begin writes a journal, so that it is on the disk before a tag moves.
func (p *Publisher) begin(moves []Move) (*journal, error) {
	j := &journal{Version: journalVersion, Started: time.Now().UTC(), Moves: moves}
	j.path = filepath.Join(p.Dir, j.Started.Format("20060102T150405.000000000")+".json")
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := output.WriteSynced(j.path, append(data, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("writing the journal: %w", err)
	}
	return j, nil
}

func (j *journal) remove() error {
	if err := os.Remove(j.path); err != nil {
		return fmt.Errorf("closing the journal: %w", err)
	}
	return nil
}

// journals reads those that are there, the oldest first.
func (p *Publisher) journals() ([]*journal, error) {
	entries, err := os.ReadDir(p.Dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for journals: %w", err)
	}
	var out []*journal
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		j, err := readJournal(filepath.Join(p.Dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b *journal) int { return a.Started.Compare(b.Started) })
	return out, nil
}

func readJournal(path string) (*journal, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a journal: %w", err)
	}
	j := &journal{path: path}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("reading the journal %s: %w", path, err)
	}
	if j.Version != journalVersion {
		return nil, fmt.Errorf("the journal %s has version %d, which this orch does not know", path, j.Version)
	}
	return j, nil
}
