package state

import (
	"time"

	"golang.org/x/sys/unix"
)

// DrainSignal asks the daemon to end when its present builds are done.
const DrainSignal = unix.SIGUSR2

const (
	// LockRetry is how often a lock that someone else holds is tried again.
	LockRetry = 10 * time.Millisecond
	// StopTimeout bounds how long an ending daemon waits for its builds to
	// notice.
	StopTimeout = 10 * time.Second
)
