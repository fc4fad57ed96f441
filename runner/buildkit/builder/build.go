package builder

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// enterTries is how often a Build is tried that a busy builder did not enter in time.
const enterTries = 5

// Build runs a Build of BuildKit; its statuses go to status, which is closed at the end.
// A Build that did not begin because the builder was too busy is tried again.
func (b *Builder) Build(ctx context.Context, opt client.SolveOpt, do gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error) {
	defer close(status)
	for try := 1; ; try++ {
		var begun atomic.Bool
		from, forwarded := make(chan *client.SolveStatus), make(chan struct{})
		go func() {
			defer close(forwarded)
			for s := range from {
				status <- s
			}
		}()
		res, err := b.Conn.Build(ctx, opt, "orch", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			begun.Store(true)
			return do(ctx, gw)
		}, from)
		<-forwarded
		if err == nil || begun.Load() || !MayEnter(ctx, err, try) {
			return res, err
		}
	}
}

// MayEnter says whether a Build that has not begun, after so many tries, is worth another:
// BuildKit asks for a Build as soon as it has sent it, and the builder gives up after 3
// seconds if it has not entered it by then.
func MayEnter(ctx context.Context, err error, tries int) bool {
	return ctx.Err() == nil && tries < enterTries && strings.Contains(err.Error(), "no such job")
}
