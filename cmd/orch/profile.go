package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// Variables that name files for profiles of orch itself, for those who work on
// it: of its time, and of its memory at the end.
const (
	cpuProfileEnv = "ORCH_CPUPROFILE"
	memProfileEnv = "ORCH_MEMPROFILE"
)

// profile begins the profiles that the environment asks for, and returns a
// function that writes them. One that cannot be written is a warning.
func (e *env) profile() func() {
	warn := func(err error) { fmt.Fprintf(e.stderr, "Warning: writing a profile: %v\n", err) }
	var cpu *os.File
	if path := e.getenv(cpuProfileEnv); path != "" {
		f, err := os.Create(path)
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
			if err := cpu.Close(); err != nil {
				warn(err)
			}
		}
		if path := e.getenv(memProfileEnv); path != "" {
			if err := writeMemProfile(path); err != nil {
				warn(err)
			}
		}
	}
}

func writeMemProfile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC() // the profile is as of the last collection
	return pprof.Lookup("allocs").WriteTo(f, 0)
}
