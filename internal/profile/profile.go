// Package profile writes profiles of the running program, for those who work on
// it.
package profile

import (
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"

	"github.com/orch-build/orch/internal/output"
)

// Variables that name files for profiles of orch itself, for those who work on
// it: of its time, and of its memory at the end.
const (
	cpuProfileEnv = "ORCH_CPUPROFILE"
	memProfileEnv = "ORCH_MEMPROFILE"
)

// Start begins the profiles that the environment asks for, and returns a
// function that writes them. One that cannot be written is a warning.
func Start(getenv func(string) string, warnings io.Writer) (stop func()) {
	warn := func(err error) { fmt.Fprintf(warnings, "Warning: writing a profile: %v\n", err) }
	var cpu *output.File
	if path := getenv(cpuProfileEnv); path != "" {
		f, err := output.Create(path, 0o666)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			warn(err)
		}
		cpu = f
	}
	return func() {
		if cpu != nil {
			pprof.StopCPUProfile()
			if err := cpu.Commit(); err != nil {
				warn(err)
			}
		}
		if path := getenv(memProfileEnv); path != "" {
			if err := writeMemProfile(path); err != nil {
				warn(err)
			}
		}
	}
}

func writeMemProfile(path string) error {
	f, err := output.Create(path, 0o666)
	if err != nil {
		return err
	}
	defer f.Discard()
	runtime.GC() // the profile is as of the last collection
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		return err
	}
	return f.Commit()
}
