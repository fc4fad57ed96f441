//go:build linux

package server

import (
	"os"
	"time"

	"github.com/moby/buildkit/util/bklog"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// keepRotated rotates the log of a running daemon whenever it has grown large.
func keepRotated(path string, done <-chan struct{}) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if err := rotateOwn(path, state.MaxLogSize); err != nil {
				bklog.L.Warnf("log: %v", err)
			}
		}
	}
}

// rotateOwn rotates the log if it is larger than limit bytes, and lets standard
// output and standard error go to the new one. A crash of the process writes
// there too.
func rotateOwn(path string, limit int64) error {
	fi, err := os.Stat(path)
	if err != nil || fi.Size() <= limit {
		return err
	}
	f, err := state.OpenLog(path, limit)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, fd := range []int{unix.Stdout, unix.Stderr} {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return err
		}
	}
	return nil
}
