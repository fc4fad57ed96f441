package language

import (
	"context"
	"sync"

	"github.com/orch-build/orch/planner"
)

// digests remembers the digests of the targets of one plan. To find them, files are
// read, which may take long: nobody waits for that.
type digests struct {
	find func(ctx context.Context, plan *planner.Plan) (map[string]string, error)

	mu   sync.Mutex
	plan *planner.Plan
	done chan struct{}
	of   map[string]string
}

// get returns the digest of a target, if it is known when ctx is done; waiting says
// that it will be.
func (d *digests) get(ctx context.Context, plan *planner.Plan, target string) (digest string, waiting bool) {
	if d.find == nil || plan == nil {
		return "", false
	}
	d.mu.Lock()
	if d.plan != plan {
		if d.plan != nil && d.of == nil {
			d.mu.Unlock()
			return "", true // those of an earlier plan come first
		}
		done := make(chan struct{})
		d.plan, d.done, d.of = plan, done, nil
		go func() {
			defer close(done)
			of, _ := d.find(context.WithoutCancel(ctx), plan)
			if of == nil {
				of = map[string]string{}
			}
			d.mu.Lock()
			d.of = of
			d.mu.Unlock()
		}()
	}
	done := d.done
	d.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return "", true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[target], false
}
