package buildkit

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// askEvery is the time between two questions whether the builder is there.
	askEvery = 15 * time.Second
	// answerTime is how long it may take to answer, and askTimes how often it
	// is asked before it counts as gone. A builder may be busy.
	answerTime = 30 * time.Second
	askTimes   = 3
)

// watch closes the connection to a builder that says nothing any more, so that
// whatever waits for it ends as when a connection is lost.
func (r *run) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	r.unwatch = cancel
	c := r.builder.client
	ask := func(ctx context.Context) error {
		_, err := c.ListWorkers(ctx)
		return err
	}
	go watchBuilder(ctx, ask, func() { _ = c.Close() })
}

// watchBuilder asks the builder from time to time whether it is there, until
// ctx ends, and calls gone if it says nothing any more: a machine that has
// vanished closes no connection, and a step may be silent for hours.
func watchBuilder(ctx context.Context, ask func(context.Context) error, gone func()) {
	for silent := 0; ; {
		if silent == 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(askEvery):
			}
		}
		answer, cancel := context.WithTimeout(ctx, answerTime)
		err := ask(answer)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case !timedOut(err):
			// Whoever is told by an error that the builder is gone sees it
			// without this.
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
