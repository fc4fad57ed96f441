package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/embedded/internal/state"
)

// Status looks for the builder without starting one.
func Status(ctx context.Context, o Options) (*Info, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return probe(ctx, newPaths(o.StateDir))
}

// Stop ends the builder and returns when its process has ended; false means
// that none was running. The cache stays.
func Stop(ctx context.Context, o Options, when Ending) (bool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return false, err
	}
	p := newPaths(o.StateDir)
	info, probed := probe(ctx, p)
	if info == nil || probed != nil && when != AtOnce {
		return false, probed
	}
	if _, err := os.Stat(p.StartLock); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	// Whoever starts one has it answer before the lock is free.
	unlock, err := p.lockStart(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	if probed == nil {
		var waited bool
		info, waited, err = p.awaitAnswer(ctx, o)
		if info == nil || err != nil && when != AtOnce {
			return waited, err
		}
	}
	if info.PID == 0 {
		return false, fmt.Errorf("the embedded builder at %s runs where this process cannot end it (in another PID namespace)", p.Socket)
	}
	sig, limit := state.DrainSignal, time.Duration(0)
	if when == AtOnce {
		sig, limit = unix.SIGTERM, state.StopTimeout+5*time.Second
	} else if info.Busy() {
		o.Notify(fmt.Sprintf("waiting for %s of the builder to finish", termtext.Count(info.Clients, "client")))
	}
	if err := unix.Kill(info.PID, sig); err != nil {
		return false, fmt.Errorf("ending the embedded builder (process %d): %w", info.PID, err)
	}
	_, err = p.awaitEnd(ctx, o, limit)
	if errors.Is(err, errStillAlive) {
		if err := unix.Kill(info.PID, unix.SIGKILL); err != nil {
			return false, fmt.Errorf("killing the embedded builder (process %d): %w", info.PID, err)
		}
		_, err = p.awaitEnd(ctx, o, limit)
	}
	return err == nil, err
}

var errStillAlive = errors.New("the embedded builder has not ended in time")

// awaitAnswer probes until a builder answers, or none holds its lock: info is nil then.
// One that does not answer ends, or it starts and who has started it is gone.
func (p paths) awaitAnswer(ctx context.Context, o Options) (info *Info, waited bool, err error) {
	for {
		info, err := probe(ctx, p)
		if err != nil || info.Running {
			return info, false, err
		}
		waited, err := p.awaitEnd(ctx, o, time.Second)
		if !errors.Is(err, errStillAlive) {
			return nil, waited, err
		}
	}
}

// awaitEnd waits until no daemon holds its lock, at most for limit unless that
// is 0. It returns whether there was one to wait for.
func (p paths) awaitEnd(ctx context.Context, o Options, limit time.Duration) (waited bool, err error) {
	if _, err := os.Stat(p.Lock); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errStillAlive)
		defer cancel()
	}
	lock := flock.New(p.Lock, flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		waited = true
		_, err = lock.TryLockContext(ctx, state.LockRetry)
	}
	if ctx.Err() != nil {
		return waited, context.Cause(ctx)
	}
	if err != nil {
		return waited, p.Explain(err)
	}
	return waited, lock.Unlock()
}
