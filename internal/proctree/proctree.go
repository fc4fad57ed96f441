// Package proctree says how much processor time a process and all processes
// below it have used. It reads /proc and knows nothing of what they do.
package proctree

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of times in /proc, which Linux has fixed for programs.
const tick = 10 * time.Millisecond

// proc is what /proc says of one process.
type proc struct {
	parent int
	used   time.Duration // with that of children that have ended
}

// CPU returns the processor time that a process and those below it have used,
// with that of those that have ended.
func CPU(pid int) (time.Duration, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	procs := make(map[int]proc, len(paths))
	for _, path := range paths {
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		// One that has ended in the meantime is counted by its parent.
		if data, err := os.ReadFile(path); err == nil {
			if p, ok := parse(data); ok {
				procs[id] = p
			}
		}
	}
	if _, ok := procs[pid]; !ok {
		return 0, fmt.Errorf("there is no process %d in /proc", pid)
	}
	var total time.Duration
	for id, p := range procs {
		if below(procs, id, pid) {
			total += p.used
		}
	}
	return total, nil
}

// below says whether a process is the one with the number top, or has come from
// it.
func below(procs map[int]proc, id, top int) bool {
	for range procs { // no longer than a chain can be
		if id == top {
			return true
		}
		p, ok := procs[id]
		if !ok || p.parent == 0 {
			return false
		}
		id = p.parent
	}
	return false
}

// parse reads /proc/PID/stat. The name of the program is in brackets and may
// hold anything, brackets and spaces as well.
func parse(data []byte) (proc, bool) {
	const parent, user, last = 1, 11, 14 // fields after the name, from 0
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) <= last {
		return proc{}, false
	}
	id, err := strconv.Atoi(string(fields[parent]))
	if err != nil {
		return proc{}, false
	}
	p := proc{parent: id}
	for _, f := range fields[user : last+1] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return proc{}, false
		}
		p.used += time.Duration(n) * tick
	}
	return p, true
}
