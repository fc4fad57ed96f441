package buildkit

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/runner/rights"
)

// conversion is a target's Dockerfile on its way to LLB. It happens once, for
// whoever comes first: the target's own build, or the run ahead of it.
type conversion struct {
	begun atomic.Bool
	done  chan struct{}
	res   *gateway.Result
	uses  []rights.Use // of its own vertices
	err   error
}

// converted has the target converted, and waits for it.
func (t *target) converted(ctx context.Context) error {
	t.convertOnce(ctx)
	select {
	case <-t.conversion.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	t.result = t.conversion.res
	return t.conversion.err
}

// convertOnce converts the target, unless that has begun.
func (t *target) convertOnce(ctx context.Context) {
	if c := &t.conversion; c.begun.CompareAndSwap(false, true) {
		c.res, c.err = t.convert(ctx)
		close(c.done)
	}
}

// convertAhead converts targets that wait for their turn, while the builder is
// busy with others. The function that it returns ends that.
func (r *run) convertAhead(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(r.plan.Builds) {
					return
				}
				if t := r.targets[r.plan.Builds[i]]; t.convertible() {
					t.convertOnce(ctx)
				}
			}
		})
	}
	return func() {
		cancel()
		workers.Wait()
	}
}

// convertible says whether nothing but the target itself is needed to convert
// it: no result of another target, and no frontend or file that the builder has
// to fetch.
func (t *target) convertible() bool {
	return len(t.plan.Inputs) == 0 && !t.foreign() && t.plan.Dockerfile != nil
}
