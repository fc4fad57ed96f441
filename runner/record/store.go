package record

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// keepRuns is how many runs of a project are kept.
	keepRuns = 10
	// keepProjects is how many projects have runs that are kept.
	keepProjects = 100

	recordName = "result.json"
	logsName   = "logs"
)

// Store is the folder with the records of a project's runs: a folder for each
// run, with result.json and logs/.
type Store struct{ dir string }

// ProjectStore returns the store of the project in a folder, which is made
// when it is first written to. state is orch's state folder.
func ProjectStore(state, project string) Store {
	sum := sha256.Sum256([]byte(project))
	name := filepath.Base(project) + "-" + hex.EncodeToString(sum[:4])
	if strings.ContainsAny(name, `/\:`) {
		name = hex.EncodeToString(sum[:4])
	}
	return Store{filepath.Join(state, "runs", name)}
}

// Dir is the folder of the store.
func (s Store) Dir() string { return s.dir }

// RunDir is the folder of a run whose record is kept.
type RunDir struct {
	ID  string
	Dir string
	// Logs is the folder for the output of steps.
	Logs string
}

// Begin makes the folder of a new run and removes those of the oldest ones.
func (s Store) Begin(now time.Time) (*RunDir, error) {
	id := now.UTC().Format("20060102-150405.000") + "-" + strings.ToLower(rand.Text()[:4])
	dir := filepath.Join(s.dir, id)
	d := &RunDir{ID: id, Dir: dir, Logs: filepath.Join(dir, logsName)}
	if err := os.MkdirAll(d.Logs, 0o700); err != nil {
		return nil, fmt.Errorf("keeping a record of the run: %w", err)
	}
	s.prune()
	return d, nil
}

// prune removes the oldest runs, and the runs of projects that were not built
// for the longest time. What cannot be removed stays.
func (s Store) prune() {
	runs := s.runs()
	for _, id := range runs[:max(0, len(runs)-keepRuns)] {
		_ = os.RemoveAll(filepath.Join(s.dir, id))
	}
	entries, err := os.ReadDir(filepath.Dir(s.dir))
	if err != nil || len(entries) <= keepProjects {
		return
	}
	type project struct {
		path string
		used time.Time
	}
	var projects []project
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			projects = append(projects, project{filepath.Join(filepath.Dir(s.dir), e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(projects, func(a, b project) int { return a.used.Compare(b.used) })
	for _, p := range projects[:max(0, len(projects)-keepProjects)] {
		_ = os.RemoveAll(p.path)
	}
}

// runs lists the IDs of the runs, oldest first.
func (s Store) runs() []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	slices.Sort(ids)
	return ids
}

// Last returns the record of the last run, or nil if there is none.
func (s Store) Last() (*Record, error) {
	for _, id := range slices.Backward(s.runs()) {
		rec, err := Read(filepath.Join(s.dir, id, recordName))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return rec, err
	}
	return nil, nil
}

// Path is the file of the run's record.
func (d *RunDir) Path() string { return filepath.Join(d.Dir, recordName) }

// Read reads a record.
func Read(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the record of a run: %w", err)
	}
	rec := &Record{}
	if err := json.Unmarshal(data, rec); err != nil {
		return nil, fmt.Errorf("reading the record %s: %w", path, err)
	}
	if err := rec.check(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return rec, nil
}
