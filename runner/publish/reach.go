package publish

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
)

// reachTime is for how long a registry is asked again that does not answer
// well, before a build.
const reachTime = 3 * time.Second

// Unreached asks each registry of some tags once, all at the same time, and
// returns those that cannot be asked from here, by their names, with the
// reasons: the builder may reach them all the same. One that is out of order
// for the moment counts as reached.
func (r Remote) Unreached(ctx context.Context, refs []Ref) (map[string]error, error) {
	ctx = retry.WithBudget(ctx, reachTime)
	first := map[string]registry.Repo{}
	for _, ref := range refs {
		tag, err := registry.Name{Text: ref.Name, Insecure: ref.Insecure}.Parse()
		if err != nil {
			return nil, err
		}
		if _, ok := first[tag.Domain]; !ok {
			first[tag.Domain] = tag.Repo
		}
	}
	var mu sync.Mutex
	out := map[string]error{}
	group := errgroup.Group{}
	group.SetLimit(parallel)
	for domain, repo := range first {
		group.Go(func() error {
			if err := r.Client.Check(ctx, repo); err != nil && !busy(err) {
				mu.Lock()
				defer mu.Unlock()
				out[domain] = err
			}
			return nil
		})
	}
	_ = group.Wait()
	return out, ctx.Err()
}

// busy says whether a registry answered that it cannot answer now.
func busy(err error) bool {
	var e *registry.Error
	return errors.As(err, &e) && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusInternalServerError)
}
