// Package times remembers how long the vertices of a project's plans took when
// the builder really ran them, and how long outputs took, in one small file
// beside the records of runs. What it remembers is an estimate for the next run:
// a vertex whose definition has changed is known by its name, and one of which
// nothing is known is given the time of an average step.
//
// It does not know what is done with the estimates, and a file that is missing
// or damaged is one that remembers nothing.
package times

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/chain"
)

const (
	// fileName is the name of the file in the folder of a project's runs.
	fileName = "times.json"
	// version is the file's; a file of another version is not read.
	version = 1
	// maxEntries bounds the file, and maxAlike what is kept of one name: those
	// that were not seen for longest go.
	maxEntries = 10000
	maxAlike   = 3
)

// entry is what is known of one vertex, or of the outputs of one target.
type entry struct {
	// ID is the vertex's; "" for the outputs of a target.
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Platform string `json:"platform,omitempty"`
	Target   string `json:"target"`
	// Steps is how many steps ran in these seconds.
	Steps   int       `json:"steps,omitempty"`
	Seconds float64   `json:"seconds"`
	Seen    time.Time `json:"seen"`
}

func (e entry) took() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// key is the name that an entry is known by besides its ID.
type key struct{ name, platform, target string }

// Book is what is remembered of one project.
type Book struct {
	byID    map[string]entry
	byName  map[key]entry
	outputs map[string]entry // by target
	// average is how long one step takes; 0 if nothing is known.
	average time.Duration
}

// file is a Book as it is written.
type file struct {
	Version int     `json:"version"`
	Entries []entry `json:"entries"`
}

// Load reads what is remembered in a folder.
func Load(dir string) *Book {
	b := &Book{byID: map[string]entry{}, byName: map[key]entry{}, outputs: map[string]entry{}}
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		return b
	}
	var f file
	if json.Unmarshal(data, &f) != nil || f.Version != version {
		return b
	}
	var seconds float64
	steps := 0
	for _, e := range f.Entries {
		b.enter(e)
		if e.Steps > 0 {
			seconds += e.Seconds
			steps += e.Steps
		}
	}
	if steps > 0 {
		b.average = entry{Seconds: seconds / float64(steps)}.took()
	}
	return b
}

// enter puts an entry in, unless a later one of that name is there.
func (b *Book) enter(e entry) {
	if e.ID == "" {
		b.outputs[e.Target] = e
		return
	}
	b.byID[e.ID] = e
	for _, k := range []key{{e.Name, e.Platform, e.Target}, {e.Name, e.Platform, ""}} {
		if old, ok := b.byName[k]; !ok || !old.Seen.After(e.Seen) {
			b.byName[k] = e
		}
	}
}

// Of returns how long a vertex took the last time that it ran, or false.
func (b *Book) Of(v *planner.Vertex) (time.Duration, bool) {
	if e, ok := b.byID[v.ID]; ok {
		return e.took(), true
	}
	for _, k := range []key{{v.Name, v.Platform, target(v)}, {v.Name, v.Platform, ""}} {
		if e, ok := b.byName[k]; ok {
			return e.took(), true
		}
	}
	return 0, false
}

// target is the first target that reaches a vertex.
func target(v *planner.Vertex) string {
	if len(v.Targets) == 0 {
		return ""
	}
	return v.Targets[0]
}

// Times are the estimates for a run.
func (b *Book) Times() chain.Times {
	run := cmp.Or(b.average, time.Second)
	return chain.Times{
		Vertex: func(v *planner.Vertex) time.Duration {
			if took, ok := b.Of(v); ok {
				return took
			}
			return chain.StepTime(v, run)
		},
		Export: func(build *planner.Build) time.Duration { return b.outputs[build.Name()].took() },
	}
}

// Note takes in what a run has shown, and says whether that was anything. A
// vertex of which a part was cached took at least as long as the rest.
func (b *Book) Note(r *runner.Report) bool {
	now, changed := r.Finished, false
	done := map[string]bool{}
	for _, t := range r.Targets {
		if t.State != runner.Done {
			continue
		}
		done[t.Name()] = true
		if t.Exporting >= time.Second/10 {
			b.enter(entry{Target: t.Name(), Seconds: t.Exporting.Seconds(), Seen: now})
			changed = true
		}
	}
	for _, vr := range r.Vertices {
		v := vr.Vertex
		if vr.Steps.Run == 0 || !slices.ContainsFunc(v.Targets, func(name string) bool { return done[name] }) {
			continue
		}
		e := entry{
			ID: v.ID, Name: v.Name, Platform: v.Platform, Target: target(v),
			Steps: vr.Steps.Run, Seconds: vr.Took.Seconds(), Seen: now,
		}
		if old, ok := b.Of(v); ok && vr.Steps.Cached > 0 && old > vr.Took {
			continue
		}
		b.enter(e)
		changed = true
	}
	return changed
}

// Save writes the book into a folder, in one step.
func (b *Book) Save(dir string) error {
	f := file{Version: version}
	for _, e := range b.byID {
		f.Entries = append(f.Entries, e)
	}
	for _, e := range b.outputs {
		f.Entries = append(f.Entries, e)
	}
	slices.SortFunc(f.Entries, func(x, y entry) int {
		return cmp.Or(y.Seen.Compare(x.Seen), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Target, y.Target))
	})
	alike := map[key]int{}
	f.Entries = slices.DeleteFunc(f.Entries, func(e entry) bool {
		k := key{e.Name, e.Platform, e.Target}
		alike[k]++
		return e.ID != "" && alike[k] > maxAlike
	})
	f.Entries = f.Entries[:min(len(f.Entries), maxEntries)]
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing the times of the run: %w", err)
	}
	if err := output.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		return fmt.Errorf("writing the times of the run: %w", err)
	}
	return nil
}
