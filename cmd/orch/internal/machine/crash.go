package machine

import (
	"strings"

	"github.com/orch-build/orch/runner/embedded"
)

// SayCrash warns the user if the embedded builder has crashed since it was
// found, and returns the first line of what it said.
func (e *Machine) SayCrash() string {
	text := e.builderLog.Crash()
	if text == "" {
		return ""
	}
	e.builderLog = embedded.Mark{}
	e.Notices.Warn("The embedded builder crashed, which is a fault of the builder:\n" + text)
	first, _, _ := strings.Cut(text, "\n")
	return first
}
