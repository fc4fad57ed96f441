package record

import "github.com/orch-build/orch/runner"

// Mount is what a run has done with a cache mount.
type Mount struct {
	ID       string            `json:"id"`
	Platform string            `json:"platform,omitempty"`
	State    runner.MountState `json:"state"`
	Targets  []string          `json:"targets"`
	Files    int               `json:"files,omitempty"`
	Bytes    int64             `json:"bytes,omitempty"`
	Restored *Moved            `json:"restored,omitempty"`
	Saved    *Moved            `json:"saved,omitempty"`
	// Unchanged is true if what was kept is the same already.
	Unchanged bool   `json:"unchanged,omitempty"`
	Warning   string `json:"warning,omitempty"`
}

// Moved is what was moved, compressed.
type Moved struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func newMount(m *runner.MountReport, mask func(string) string) *Mount {
	return &Mount{
		ID: mask(m.ID), Platform: m.Platform, State: m.State, Targets: m.Targets, Files: m.Files, Bytes: m.Bytes,
		Restored: newMoved(m.Restored), Saved: newMoved(m.Saved), Unchanged: m.Unchanged, Warning: mask(m.Warning),
	}
}

func newMoved(t runner.MountTransfer) *Moved {
	if t == (runner.MountTransfer{}) {
		return nil
	}
	return &Moved{Bytes: t.Bytes, Seconds: t.Took.Seconds()}
}
