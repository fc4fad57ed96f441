package builder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// fetchTimeout is how long the builder may take to fetch what a Build is held
// open for.
const fetchTimeout = 10 * time.Minute

// Held is a Build that is held open, so that what it has fetched stays there.
type Held struct {
	release  chan struct{}
	finished chan error
}

// Hold opens a Build, and returns when open has. What is said of it goes to
// status.
func (b *Builder) Hold(ctx context.Context, opt client.SolveOpt, status chan *client.SolveStatus,
	open func(context.Context, gateway.Client) error) (*Held, error) {
	h := &Held{release: make(chan struct{}), finished: make(chan error, 1)}
	opened := make(chan error, 1)
	fetching, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(fetchTimeout, func() { cancel(fmt.Errorf("no end after %s", fetchTimeout)) })
	go func() {
		defer cancel(nil)
		_, err := b.Build(fetching, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			err := open(ctx, gw)
			timer.Stop()
			if err != nil {
				return nil, err
			}
			opened <- nil
			select {
			case <-h.release:
			case <-ctx.Done():
			}
			return gateway.NewResult(), nil
		}, status)
		h.finished <- err
	}()
	select {
	case <-opened:
		return h, nil
	case err := <-h.finished:
		if cause := context.Cause(fetching); ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		return nil, err
	}
}

// Close lets the builder forget what was fetched.
func (h *Held) Close() error {
	close(h.release)
	return <-h.finished
}
