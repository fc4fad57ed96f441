package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// containerState is what runc (state.json) and crun (status) note of a running
// container's first process. The start time is in the kernel's ticks.
type containerState struct {
	RuncPID   int    `json:"init_process_pid"`
	RuncStart uint64 `json:"init_process_start"`
	CrunPID   int    `json:"pid"`
	CrunStart uint64 `json:"process-start-time"`
}

// dyingTime is how long a builder that was killed may take to end.
const dyingTime = 10 * time.Second

// killOrphans ends the build steps of an ordinary user's builder that was
// killed. The next builder cannot: it lives in a user namespace beside that of
// the steps, and may not signal those that run as another user in there. This
// process may, as the user who made that namespace. The caller holds the start
// lock. A builder that is being killed does not answer any more, and may have its lock
// for a while yet.
func killOrphans(ctx context.Context, p paths) error {
	ctx, cancel := context.WithTimeout(ctx, dyingTime)
	defer cancel()
	lock := flock.New(p.Lock, flock.SetPermissions(0o600))
	ok, err := lock.TryLockContext(ctx, state.LockRetry)
	if !ok && ctx.Err() != nil {
		return nil // the builder lives, and looks after its steps
	}
	if err != nil {
		return p.Explain(err)
	}
	defer func() { _ = lock.Unlock() }()
	for _, pattern := range []string{"runc/*/state.json", "crun/*/status"} {
		files, err := filepath.Glob(filepath.Join(p.Run, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			killOrphan(f)
		}
	}
	return nil
}

// killOrphan kills the process that a state file names, if it is still the
// same one. With the first process of its PID namespace the others end.
func killOrphan(stateFile string) {
	b, err := os.ReadFile(stateFile)
	if err != nil {
		return
	}
	var s containerState
	if json.Unmarshal(b, &s) != nil {
		return
	}
	pid, start := s.RuncPID, s.RuncStart
	if pid == 0 {
		pid, start = s.CrunPID, s.CrunStart
	}
	if pid > 1 && startTime(pid) == start {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// startTime is when a process was started; 0 if there is no such process.
func startTime(pid int) (ticks uint64) { return statFields(pid, 22)[0] }

// statFields returns fields of /proc/pid/stat that are numbers, by the numbers that
// they have in proc(5); 0 if there is no such process.
func statFields(pid int, numbers ...int) []uint64 {
	out := make([]uint64, len(numbers))
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return out
	}
	// The second field, a name in brackets, may contain anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	for i, n := range numbers {
		if n-3 < len(fields) {
			_, _ = fmt.Sscan(fields[n-3], &out[i])
		}
	}
	return out
}
