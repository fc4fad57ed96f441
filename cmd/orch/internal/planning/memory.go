package planning

import (
	"os"

	"github.com/orch-build/orch/internal/hashstore"
	"github.com/orch-build/orch/planner/inputs"
)

// Memory is what is remembered of the files and definitions of the
// project in the working directory.
type Memory struct{ *hashstore.Project }

// ProjectMemory opens the memory of the project in the working directory.
func (e *Session) ProjectMemory() Memory {
	store, ok := e.FileMemory().(hashstore.Store)
	dir, err := os.Getwd()
	if !ok || err != nil {
		return Memory{}
	}
	return Memory{store.Project(dir)}
}

// Planner is the memory as plans use it; nil where nothing can be kept.
func (m Memory) Planner() inputs.Memory {
	if m.Project == nil {
		return nil
	}
	return m.Project
}

// Save writes the memory. One that cannot be written only makes the next call
// slower.
func (m Memory) Save() {
	if m.Project != nil {
		_ = m.Flush()
	}
}
