package record

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	// keepBytes is how much the kept runs of a project may take.
	keepBytes = 1 << 30
	// keepImported is how many runs from elsewhere are kept.
	keepImported = 20

	recordName = "result.json"
	logsName   = "logs"
)

// Store is the folder with the records of a project's runs: a folder for each
// run, with result.json, plan.json.gz and logs/. Runs that came from elsewhere
// have a folder of their own, so that no run here goes on where one of them ended.
type Store struct{ dir, imports string }

// ProjectStore returns the store of the project in a folder, which is made
// when it is first written to. state is orch's state folder.
func ProjectStore(state, project string) Store {
	sum := sha256.Sum256([]byte(project))
	name := filepath.Base(project) + "-" + hex.EncodeToString(sum[:4])
	if strings.ContainsAny(name, `/\:`) {
		name = hex.EncodeToString(sum[:4])
	}
	return Store{dir: filepath.Join(state, "runs", name), imports: filepath.Join(state, "imported-runs", name)}
}

// kept says whether there is any run, of here or from elsewhere.
func (s Store) kept() bool {
	return len(IDs(s.dir)) > 0 || len(IDs(s.imports)) > 0 // there are times beside the runs
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

// Begin makes the folder of a new run and removes the folders of the oldest ones.
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
	pruneRuns(s.dir, keepRuns, keepBytes)
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

// pruneRuns removes the oldest runs in a folder, until there are so many at most
// and what they take is so much at most. The newest one always stays.
func pruneRuns(dir string, runs int, bytes int64) {
	all := IDs(dir)
	for i, id := range slices.Backward(all) {
		path := filepath.Join(dir, id)
		bytes -= sizeOf(path)
		if newest := i == len(all)-1; !newest && (len(all)-i > runs || bytes < 0) {
			_ = os.RemoveAll(path)
		}
	}
}

// sizeOf is what the files in a folder take.
func sizeOf(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// runs lists the IDs of the runs, oldest first.
func (s Store) runs() []string { return IDs(s.dir) }

// IDs lists the IDs of the runs in a folder of a store, oldest first.
func IDs(dir string) []string {
	entries, err := os.ReadDir(dir)
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
	return Decode(data, path)
}
