package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
)

// Kept is a run whose record is in a folder.
type Kept struct {
	ID, Dir string
	// Imported says that the run was not one of this folder.
	Imported bool
}

// Kept lists the runs that have a record, the newest first.
func (s Store) Kept() []Kept {
	var out []Kept
	add := func(dir string, imported bool) {
		for _, id := range IDs(dir) {
			k := Kept{ID: id, Dir: filepath.Join(dir, id), Imported: imported}
			if _, err := os.Stat(k.path()); err == nil {
				out = append(out, k)
			}
		}
	}
	add(s.dir, false)
	add(s.imports, true)
	slices.SortStableFunc(out, func(a, b Kept) int { return strings.Compare(b.ID, a.ID) })
	return out
}

// ErrNoRun says that a project has no run that is kept.
var ErrNoRun = errors.New("no run of this folder is kept: orch bake builds, and keeps a record of it")

// Find returns the run that an ID, or the beginning of one, means; "" is the last
// run of this folder.
func (s Store) Find(id string) (Kept, error) {
	all := s.Kept()
	if id == "" {
		i := slices.IndexFunc(all, func(k Kept) bool { return !k.Imported })
		if i < 0 {
			return Kept{}, ErrNoRun
		}
		return all[i], nil
	}
	var found []Kept
	var ids []string
	for _, k := range all {
		if k.ID == id {
			return k, nil
		}
		if strings.HasPrefix(k.ID, id) {
			found = append(found, k)
			ids = append(ids, k.ID)
		}
	}
	switch {
	case len(all) == 0:
		return Kept{}, ErrNoRun
	case len(found) == 0:
		return Kept{}, fmt.Errorf("no run %q is kept of this folder; 'orch runs' lists those that are", id)
	case len(found) > 1:
		return Kept{}, fmt.Errorf("several runs begin with %q: %s", id, strings.Join(ids, ", "))
	}
	return found[0], nil
}

func (k Kept) path() string { return filepath.Join(k.Dir, recordName) }

// Record reads the record of the run.
func (k Kept) Record() (*Record, error) { return Read(k.path()) }

// Log returns the end of what a step or a test printed, at most so many bytes of
// it, and whether that is all. Whatever folder the record names, it is that of
// the run; nothing else is read.
func (k Kept) Log(name string, most int64) (text []byte, whole bool, err error) {
	if name == "" {
		return nil, true, fs.ErrNotExist
	}
	root, err := os.OpenRoot(filepath.Join(k.Dir, logsName))
	if err != nil {
		return nil, false, err
	}
	defer root.Close()
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	if info, err := root.Lstat(base); err != nil || !info.Mode().IsRegular() {
		return nil, false, fs.ErrNotExist
	}
	f, err := root.Open(base)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(max(0, size-most), io.SeekStart)
	}
	if err != nil {
		return nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(f, most))
	return text, size <= most, err
}

// Lines are the lines of an output as they are on a terminal in the end.
func Lines(text []byte) []string {
	all := strings.TrimRight(strings.ToValidUTF8(string(text), "\uFFFD"), "\n")
	if all == "" {
		return nil
	}
	out := strings.Split(all, "\n")
	for i, l := range out {
		out[i] = termtext.Final(l)
	}
	return out
}

// Import makes the folder of a run from elsewhere, which write fills, and
// returns the run. It is there when all of it is; nothing is left of one that
// cannot be read.
func (s Store) Import(id string, write func(dir string) error) (Kept, error) {
	if !runID.MatchString(id) {
		return Kept{}, fmt.Errorf("%q is not the name of a run", id)
	}
	for _, k := range s.Kept() {
		if k.ID == id {
			return Kept{}, fmt.Errorf("the run %s is here already", id)
		}
	}
	if err := os.MkdirAll(s.imports, 0o700); err != nil {
		return Kept{}, fmt.Errorf("importing a run: %w", err)
	}
	k := Kept{ID: id, Dir: filepath.Join(s.imports, id), Imported: true}
	aside, err := output.CreateFolder(k.Dir)
	if err != nil {
		return Kept{}, err
	}
	defer aside.Discard()
	if err := write(aside.Path()); err != nil {
		return Kept{}, err
	}
	if err := aside.Replace(); err != nil {
		return Kept{}, err
	}
	pruneRuns(s.imports, keepImported, keepBytes)
	return k, nil
}

// runID is what the ID of a run looks like.
var runID = lazyregexp.New(`^\d{8}-\d{6}\.\d{3}-[a-z0-9]{4}$`)

// Decode reads a record, of which name is the file.
func Decode(data []byte, name string) (*Record, error) {
	rec := &Record{}
	if err := json.Unmarshal(data, rec); err != nil {
		return nil, fmt.Errorf("reading the record %s: %w", name, err)
	}
	if err := rec.check(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	rec.Targets = slices.DeleteFunc(rec.Targets, func(t *Target) bool { return t == nil })
	rec.Vertices = slices.DeleteFunc(rec.Vertices, func(v *Vertex) bool { return v == nil })
	rec.Steps = slices.DeleteFunc(rec.Steps, func(s *Step) bool { return s == nil })
	return rec, nil
}
