package predict

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// Earlier is something earlier that targets can be compared with: a run here, or
// a record that somebody else keeps.
type Earlier struct {
	Against  explain.Against
	Snapshot *facts.Snapshot
	// Builder is the name of the builder, and Built are the targets that were
	// built then; nil is all of them.
	Builder string
	Built   []string
}

// Runs are the runs of a project that can be compared with, the last one first.
type Runs struct{ dir string }

// RunsOf are those in the folder of a store.
func RunsOf(store record.Store) Runs { return Runs{store.Dir()} }

// IDs are the names of the runs, the last one first.
func (r Runs) IDs() []string {
	ids := record.IDs(r.dir)
	slices.Reverse(ids)
	return ids
}

// Find returns the run that an ID, or the beginning of one, means.
func (r Runs) Find(id string) (string, error) {
	var found []string
	for _, one := range r.IDs() {
		if one == id {
			return one, nil
		}
		if strings.HasPrefix(one, id) {
			found = append(found, one)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("no run %q is kept here; there are %s", id, cmp.Or(strings.Join(r.IDs(), ", "), "none"))
	}
	return "", fmt.Errorf("several runs begin with %q: %s", id, strings.Join(found, ", "))
}

// Open reads a run; nil if nothing is known of what it was made of.
func (r Runs) Open(id string) *Earlier { return r.open(id, nil) }

// open reads a run; now is what targets are made of now, or nil.
func (r Runs) open(id string, now *facts.Snapshot) *Earlier {
	dir := filepath.Join(r.dir, id)
	a := readAbout(dir)
	s := loadSnapshot(dir, a, now)
	if s == nil {
		return nil
	}
	if a != nil {
		return &Earlier{
			Against:  explain.Against{Kind: "run", ID: id, Time: a.Started, Commit: s.Commit},
			Snapshot: s, Builder: a.Builder, Built: a.Built,
		}
	}
	rec, err := record.Read(filepath.Join(dir, "result.json"))
	if err != nil {
		return nil
	}
	e := &Earlier{
		Against:  explain.Against{Kind: "run", ID: id, Time: rec.Started, Commit: s.Commit},
		Snapshot: s, Builder: rec.Builder, Built: []string{},
	}
	for _, t := range rec.Targets {
		if t.State == runner.Done {
			e.Built = append(e.Built, t.Name)
		}
	}
	return e
}

// Explanation is why the targets of a run were built, or nil.
func (r Runs) Explanation(id string) *explain.Explanation {
	return LoadExplanation(filepath.Join(r.dir, id))
}

// Explain explains targets, each against the last run that built it.
func (r Runs) Explain(now *facts.Snapshot, names []string, known explain.Known) *explain.Explanation {
	out := &explain.Explanation{Version: explain.Version}
	left := slices.Clone(names)
	runs := r.opened(now)
	// A run that built a target only for others does not know what is published of
	// it, so that one which was asked for it comes first.
	for _, linked := range []bool{false, true} {
		for e := range runs {
			if len(left) == 0 {
				break
			}
			var these []string
			left = slices.DeleteFunc(left, func(name string) bool {
				t := e.Snapshot.Targets[name]
				there := t != nil && t.Linked == linked && slices.Contains(e.Built, name)
				if there {
					these = append(these, name)
				}
				return there
			})
			out.Targets = append(out.Targets, explain.Compare(e.Snapshot, now, e.Against, these, known)...)
		}
	}
	out.Targets = append(out.Targets, explain.Compare(nil, now, explain.Against{}, left, known)...)
	slices.SortStableFunc(out.Targets, func(a, b *explain.Target) int {
		return slices.Index(names, a.Name) - slices.Index(names, b.Name)
	})
	return out
}

// opened are the runs of which something is known, the last one first. Each is read
// when it is first asked for.
func (r Runs) opened(now *facts.Snapshot) iter.Seq[*Earlier] {
	ids := r.IDs()
	var done []*Earlier
	return func(yield func(*Earlier) bool) {
		for i := 0; ; i++ {
			if i == len(done) {
				if len(ids) == 0 {
					return
				}
				done = append(done, r.open(ids[0], now))
				ids = ids[1:]
			}
			if done[i] != nil && !yield(done[i]) {
				return
			}
		}
	}
}

// LastExplanation is what a run was explained with; id may be "".
func (r Runs) LastExplanation(id string, names []string) (*explain.Explanation, error) {
	for _, one := range r.IDs() {
		if id != "" && one != id {
			continue
		}
		x := r.Explanation(one)
		if x == nil {
			continue
		}
		if len(names) > 0 {
			x.Targets = slices.DeleteFunc(x.Targets, func(t *explain.Target) bool { return !slices.Contains(names, t.Name) })
			if len(x.Targets) == 0 {
				return nil, fmt.Errorf("the run %s did not build %s", one, strings.Join(names, ", "))
			}
		}
		return x, nil
	}
	return nil, errors.New("no run here is known that was explained; run orch bake first")
}

// Last is the last run of which something is known; an empty one if there is
// none.
func (r Runs) Last() *Earlier {
	for _, id := range r.IDs() {
		if e := r.Open(id); e != nil {
			return e
		}
	}
	return &Earlier{Snapshot: &facts.Snapshot{}}
}
