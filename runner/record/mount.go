package record

import (
	"fmt"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// Mount is what a run has done with a cache mount.
type Mount struct {
	ID       string `json:"id"`
	Platform string `json:"platform,omitempty"`
	// Builder is the one that has it, in a run on several, and Shard the shard that
	// used it, in what was merged of several.
	Builder  string            `json:"builder,omitempty"`
	Shard    int               `json:"shard,omitempty"`
	State    runner.MountState `json:"state"`
	Targets  []string          `json:"targets"`
	Files    int               `json:"files,omitempty"`
	Bytes    int64             `json:"bytes,omitempty"`
	Restored *Moved            `json:"restored,omitempty"`
	Saved    *Moved            `json:"saved,omitempty"`
	// Unchanged is true if what was kept is the same already.
	Unchanged bool `json:"unchanged,omitempty"`
	// Unused is how many files are not kept, because nothing has used them for long.
	Unused int `json:"unused,omitempty"`
	// NotSaved is true if steps used the mount, and what they left is not kept.
	NotSaved bool   `json:"notSaved,omitempty"`
	Warning  string `json:"warning,omitempty"`
}

// Moved is what was moved, compressed.
type Moved struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func newMount(m *runner.MountReport, mask func(string) string) *Mount {
	return &Mount{
		ID: mask(m.ID), Platform: m.Platform, Builder: m.Builder, Shard: m.Shard,
		State: m.State, Targets: m.Targets, Files: m.Files, Bytes: m.Bytes,
		Restored: newMoved(m.Restored), Saved: newMoved(m.Saved), Unchanged: m.Unchanged, Unused: m.Unused, NotSaved: m.NotSaved, Warning: mask(m.Warning),
	}
}

func newMoved(t runner.MountTransfer) *Moved {
	if t == (runner.MountTransfer{}) {
		return nil
	}
	return &Moved{Bytes: t.Bytes, Seconds: t.Took.Seconds()}
}

// Report is the mount as a part of a report again.
func (m *Mount) Report() *runner.MountReport {
	return &runner.MountReport{
		ID: m.ID, Platform: m.Platform, Builder: m.Builder, Shard: m.Shard,
		State: m.State, Targets: m.Targets, Files: m.Files, Bytes: m.Bytes,
		Restored: m.Restored.transfer(), Saved: m.Saved.transfer(), Unchanged: m.Unchanged, Unused: m.Unused, NotSaved: m.NotSaved, Warning: m.Warning,
	}
}

func (m *Moved) transfer() runner.MountTransfer {
	if m == nil {
		return runner.MountTransfer{}
	}
	return runner.MountTransfer{Bytes: m.Bytes, Took: time.Duration(m.Seconds * float64(time.Second))}
}

// text is the mount in a line of the page.
func (m *Mount) text() string {
	name := m.ID
	if m.Platform != "" {
		name += " for " + m.Platform
	}
	if m.Builder != "" {
		name += " on " + m.Builder
	}
	if m.Shard > 0 {
		name += fmt.Sprintf(" in shard %d", m.Shard)
	}
	parts := []string{string(m.State)}
	if m.Restored != nil {
		parts[0] += m.Restored.text()
	}
	switch {
	case m.Saved != nil:
		parts = append(parts, "saved"+m.Saved.text())
	case m.Unchanged:
		parts = append(parts, "unchanged")
	case m.NotSaved && m.Warning == "":
		parts = append(parts, "not saved")
	}
	if m.Unused > 0 {
		parts = append(parts, "without "+termtext.Count(m.Unused, "unused file"))
	}
	if m.Warning != "" {
		parts = append(parts, m.Warning)
	}
	return name + ": " + strings.Join(parts, ", ")
}

func (m *Moved) text() string {
	return " (" + sizeText(m.Bytes) + " in " + termtext.Seconds(m.transfer().Took) + ")"
}
