package build

import (
	"runtime/debug"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
)

// gcPercent is how much the memory of a build may grow, in percent, before it
// is collected: a run is short, and a fifth of its time went into collections.
// It takes a tenth more memory than Go's default of 100.
const gcPercent = 200

// collectLess sets how often memory is collected, unless the user says so by
// Go's own variable.
func collectLess(e *planning.Session) {
	if e.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
