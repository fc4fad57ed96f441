package cli

import (
	"runtime"
	"runtime/debug"
)

// Memory may grow by so much, in percent, before it is collected: for the first time,
// which is after 4 MB with 100, and from then on. Most commands are over before they need
// as much as the first collection waits for, which took 4 of the 70 ms in which orch
// starts; of the time of a build, which is short too, all collections took a fifth.
const (
	firstGrowth = 800
	laterGrowth = 200
)

// CollectLess sets how often memory is collected, unless the user says so by Go's own
// variable. It is for programs that end soon, not for the embedded builder.
func CollectLess(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstGrowth)
	// What nobody uses is found by the first collection.
	runtime.AddCleanup(&struct{ unused *int }{}, func(percent int) { debug.SetGCPercent(percent) }, laterGrowth)
}
