package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/mod/semver"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// settling is how long connections without requests may take to close.
const settling = 500 * time.Millisecond

// Ensure returns a running builder, starting one if there is none. Any number
// of processes may call it at once: they get the same builder.
//
// A builder may end between Ensure and the first request, when another orch
// replaces it. A caller whose dial fails calls Ensure once more.
func Ensure(ctx context.Context, o Options) (*Daemon, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := newPaths(o.StateDir)
	info, err := probe(ctx, p)
	if err != nil {
		return nil, err
	}
	if info.Running && (!outdated(o, info) || info.Active > 0) {
		return found(p, info), nil
	}
	if err := p.Prepare(); err != nil {
		return nil, err
	}
	unlock, err := p.lockStart(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	info, err = probeSettled(ctx, o, p)
	if err != nil {
		return nil, err
	}
	if info.Running {
		if !outdated(o, info) || info.Busy() || !retire(ctx, p, info) {
			return found(p, info), nil
		}
	}
	return start(ctx, o, p)
}

// probeSettled probes; if only connections without requests keep an outdated
// builder, it looks again for a moment. The builder notices late that a probe,
// such as our own first one, has hung up.
func probeSettled(ctx context.Context, o Options, p paths) (*Info, error) {
	for deadline := time.Now().Add(settling); ; time.Sleep(state.LockRetry) {
		info, err := probe(ctx, p)
		if err != nil || !info.Running || !outdated(o, info) ||
			info.Clients == 0 || info.Active > 0 || time.Now().After(deadline) {
			return info, err
		}
	}
}

func found(p paths, info *Info) *Daemon {
	return &Daemon{Address: p.Address(), Log: p.Log, Info: *info}
}

// lockStart takes the lock under which builders are started and stopped.
func (p paths) lockStart(ctx context.Context) (unlock func(), err error) {
	lock := flock.New(p.StartLock, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, state.LockRetry); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, p.Explain(err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// outdated says whether the builder should make room when it is idle: for
// another configuration, or for a newer build of orch. Of two builds one is
// always the newer: by its version, else by the time of its file. So two programs
// never take turns in replacing each other's builder.
func outdated(o Options, info *Info) bool {
	if o.Config != info.Config || configID(o.Config) != info.configID {
		return true
	}
	if newer(o.Version, info.Version) {
		return true
	}
	// Only one program is in a file, so one that was taken back to an older
	// version counts too.
	file, id := o.executable()
	if file != "" && file == info.executable {
		return id != info.executableID
	}
	if newer(info.Version, o.Version) {
		return false
	}
	return buildOf(file).after(info.build)
}

// newer says whether version a is after version b. A version that is not a
// semantic one, such as "dev", is neither before nor after any.
func newer(a, b string) bool {
	a, b = semantic(a), semantic(b)
	return semver.IsValid(a) && semver.IsValid(b) && semver.Compare(a, b) > 0
}

func semantic(v string) string {
	if v != "" && v[0] != 'v' {
		return "v" + v
	}
	return v
}

// executable returns the file of the calling orch, and a text that changes
// when the file does.
func (o Options) executable() (file, id string) {
	file = o.Executable
	if file == "" {
		var err error
		if file, err = os.Executable(); err != nil {
			return "", ""
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return "", ""
	}
	return file, fmt.Sprintf("%d:%d:%d.%09d", st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
}

// retire asks an idle builder to end and waits until it takes no more clients.
// It returns false if the builder stays.
func retire(ctx context.Context, p paths, info *Info) bool {
	if info.PID == 0 || unix.Kill(info.PID, state.DrainSignal) != nil {
		return false
	}
	return p.waitUnlinked(ctx, 10*time.Second) == nil
}

// waitUnlinked waits until the socket is gone.
func (p paths) waitUnlinked(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if _, err := os.Lstat(p.Socket); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(state.LockRetry):
		}
	}
}
