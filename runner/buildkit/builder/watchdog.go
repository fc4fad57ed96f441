package builder

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// DefaultTimeout is how long a builder may say nothing before it counts
// as gone.
const DefaultTimeout = 105 * time.Second

// askTimes is how often a builder is asked before it counts as gone: it may be
// busy.
const askTimes = 3

// keepalive is a builder's timeout in its parts: the time between two questions
// whether it is there, and how long each may take to be answered, which is
// twice that.
type keepalive struct{ pause, answer time.Duration }

func newKeepalive(timeout time.Duration) keepalive {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	pause := timeout / (1 + 2*askTimes)
	return keepalive{pause, 2 * pause}
}

// Watch closes the connection to a builder that says nothing for the timeout, so
// that whatever waits for it ends as when a connection is lost. 0 is the default
// of the timeout. The returned function ends the watch, which goes on where ctx has
// ended: what a run still has to close waits for the builder too. Its questions are of
// the run's trace.
func (b *Builder) Watch(ctx context.Context, timeout time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := b.Conn
	ask := func(ctx context.Context) error {
		_, err := c.ListWorkers(ctx)
		return err
	}
	go newKeepalive(timeout).watch(ctx, ask, func() { _ = c.Close() })
	return cancel
}

// watch asks the builder from time to time whether it is there, until
// ctx ends, and calls gone if it says nothing any more: a machine that has
// vanished closes no connection, and a step may be silent for hours.
func (p keepalive) watch(ctx context.Context, ask func(context.Context) error, gone func()) {
	for silent := 0; ; {
		if silent == 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(p.pause):
			}
		}
		answer, cancel := context.WithTimeout(ctx, p.answer)
		err := ask(answer)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case !timedOut(err):
			// The builder is gone, or refuses: calls that run fail with that error
			// by themselves, and need no watchdog.
			silent = 0
			continue
		}
		if silent++; silent == askTimes {
			gone()
			return
		}
	}
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}
