package predict

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner"
)

const (
	bookVersion = 1
	// mostSteps bounds a book: those that were not met for longest go.
	mostSteps = 50_000
)

// Book is what is known of the steps that a builder has run.
type Book struct {
	path    string
	entries map[string]entry // by key
	classes map[string]bool
	owns    map[string]entry // the last, by Own
	names   map[string]entry // and by Name
	noted   []entry          // in this run
}

// entry is one step.
type entry struct {
	Key     string  `json:"k"`
	Class   string  `json:"c"`
	Own     string  `json:"o"`
	Name    string  `json:"n"`
	Seconds float64 `json:"s,omitempty"`
	Seen    int64   `json:"t"` // in seconds since 1970
}

type bookFile struct {
	Version int     `json:"version"`
	Steps   []entry `json:"steps"`
}

// OpenBook reads what is known of a builder. A book that is not there, or that
// is damaged, knows nothing.
func OpenBook(state, builder string) *Book {
	sum := sha256.Sum256([]byte(builder))
	b := &Book{
		path:    filepath.Join(state, "steps", hex.EncodeToString(sum[:8])+".json"),
		entries: map[string]entry{}, classes: map[string]bool{}, owns: map[string]entry{}, names: map[string]entry{},
	}
	data, _ := os.ReadFile(b.path)
	for _, e := range readBook(data) {
		b.enter(e)
	}
	return b
}

// readBook reads what was written; what is damaged is as if nothing were there.
func readBook(data []byte) []entry {
	var f bookFile
	if json.Unmarshal(data, &f) != nil || f.Version != bookVersion {
		return nil
	}
	return f.Steps
}

func (b *Book) enter(e entry) {
	if old := b.entries[e.Key]; e.Seconds == 0 {
		e.Seconds = old.Seconds
	}
	b.entries[e.Key], b.classes[e.Class] = e, true
	if e.Seconds > 0 && b.owns[e.Own].Seen <= e.Seen {
		b.owns[e.Own] = e
	}
	if e.Seconds > 0 && b.names[e.Name].Seen <= e.Seen {
		b.names[e.Name] = e
	}
}

// Empty reports whether nothing is known.
func (b *Book) Empty() bool { return len(b.entries) == 0 }

// Has reports whether a step of that key was run.
func (b *Book) Has(key string) bool {
	_, ok := b.entries[key]
	return ok
}

// HasClass reports whether a step of that class was run.
func (b *Book) HasClass(class string) bool { return b.classes[class] }

// Took is how long a step took.
func (b *Book) Took(key, own, name string) (time.Duration, bool) {
	for _, e := range []entry{b.entries[key], b.owns[own], b.names[name]} {
		if e.Seconds > 0 {
			return time.Duration(e.Seconds * float64(time.Second)), true
		}
	}
	return 0, false
}

// Note takes in the steps of a run that have a result now. A step that several
// stages have is shown for one of them, and noted for each.
func (b *Book) Note(s *facts.Snapshot, run *runner.Report) {
	ran := newRan(run)
	results := map[string]*runner.StepReport{} // by key
	noted(s, run, func(st *facts.Step, _ *facts.Target, state runner.State, _ bool) {
		if r := ran.find(st.Vertex, st.Nth, st.Of); r != nil && hasResult(r, state) && (results[st.Key] == nil || !r.Cached) {
			results[st.Key] = r
		}
	})
	now := run.Finished.Unix()
	noted(s, run, func(st *facts.Step, target *facts.Target, state runner.State, last bool) {
		r := results[st.Key]
		if r == nil && (!last || state != runner.Done) {
			return
		}
		e := entry{Key: st.Key, Class: st.Class, Own: st.Own, Name: target.StepName(st), Seen: now}
		if r != nil && !r.Cached {
			e.Seconds = max(r.Took.Seconds(), 0.001)
		}
		if b.knows(e) {
			return
		}
		b.enter(e)
		b.noted = append(b.noted, e)
	})
}

// noted calls f for each step of the targets that a run built. The last step of a
// platform stands for the target where others are based on it.
func noted(s *facts.Snapshot, run *runner.Report, f func(st *facts.Step, of *facts.Target, state runner.State, last bool)) {
	for _, t := range run.Targets {
		target := s.Targets[t.Name()]
		if target == nil {
			continue
		}
		for _, p := range target.Platforms {
			for i := range p.Steps {
				f(&p.Steps[i], target, t.State, i == len(p.Steps)-1)
			}
		}
	}
}

// seenAgain is after how many seconds it is noted anew that a step was met.
const seenAgain = 24 * 60 * 60

// knows says whether a step was noted not long ago, and nothing new is known of it: a
// run in which nothing changes has nothing to write.
func (b *Book) knows(e entry) bool {
	old, ok := b.entries[e.Key]
	return ok && e.Seconds == 0 && old.Class == e.Class && old.Own == e.Own && old.Name == e.Name && e.Seen-old.Seen < seenAgain && e.Seen >= old.Seen
}

// hasResult says whether a step of a target has a result now. Of a target that was
// stopped, that is known only of those that had one before.
func hasResult(r *runner.StepReport, s runner.State) bool {
	return !r.Failed && !r.Finished.IsZero() && (r.Cached || s == runner.Done || s == runner.Failed)
}

// Save adds what was noted to the book, which other runs may have changed
// meanwhile.
func (b *Book) Save() error {
	if len(b.noted) == 0 {
		return nil
	}
	err := output.Update(b.path, 0o600, func(old []byte) ([]byte, error) {
		now := &Book{entries: map[string]entry{}, classes: map[string]bool{}, owns: map[string]entry{}, names: map[string]entry{}}
		for _, e := range slices.Concat(readBook(old), b.noted) {
			now.enter(e)
		}
		return now.text()
	})
	if err != nil {
		return fmt.Errorf("keeping what the builder has run: %w", err)
	}
	return nil
}

func (b *Book) text() ([]byte, error) {
	f := bookFile{Version: bookVersion, Steps: slices.Collect(maps.Values(b.entries))}
	slices.SortFunc(f.Steps, func(x, y entry) int { return cmp.Or(cmp.Compare(y.Seen, x.Seen), cmp.Compare(x.Key, y.Key)) })
	f.Steps = f.Steps[:min(len(f.Steps), mostSteps)]
	return json.Marshal(f)
}

var _ explain.Known = (*Book)(nil)
