package lane

import (
	"context"
	"fmt"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/retry"
)

const (
	// lookTime is how long it may take to look what a lane holds when a run
	// begins.
	lookTime = 3 * time.Second
	// writeTime is for how long requests are made again that fail when a lane is
	// written: a cache is not worth a longer wait.
	writeTime = 20 * time.Second
)

// store is where the cache of a lane is.
type store interface {
	// load returns what the lane holds, or nil if it holds nothing.
	load(ctx context.Context) (*content, error)
	// written returns what the builder has written under a name of its own.
	written(ctx context.Context, name string) (*content, error)
	// update makes the lane hold what change returns for what it holds, until
	// that is nil.
	update(ctx context.Context, change change) error
	// hold keeps others on this machine from writing, where they would be in
	// each other's way, until the returned function is called.
	hold(ctx context.Context) (release func(), err error)
	// has says whether a layer of the lane is there; false only if it is known
	// to be gone.
	has(ctx context.Context, layer ocispecs.Descriptor) bool
}

// change returns what a lane is to hold, given what it holds; nil if that is
// good as it is.
type change func(old *content) (*content, error)

// Watch is one run's view of the cache of a lane.
type Watch struct {
	store store
	found sync.WaitGroup
	// before are the parts that were there when the run began.
	before map[digest.Digest]bool
	err    error

	mu         sync.Mutex
	distrusted bool
}

// watch begins to watch.
func watch(ctx context.Context, s store) *Watch {
	w := &Watch{store: s, before: map[digest.Digest]bool{}}
	w.found.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		var have *content
		have, w.err = s.load(ctx)
		for _, p := range have.parts() {
			w.before[p.From] = true
		}
	})
	return w
}

// Seen says whether the cache of the lane can be read from here. Where it
// cannot, a builder that reaches it has to write it by itself.
func (w *Watch) Seen() bool {
	w.found.Wait()
	return w.err == nil
}

// Write calls write, which lets the builder write what it has of some targets
// to a place of their own, and puts that into the cache of the lane. write
// returns the digest of the manifest (registries, folders) or the scope
// (GitHub's cache), or "" if there was nothing to write.
func (w *Watch) Write(ctx context.Context, targets []string, write func() (name string, err error)) error {
	w.found.Wait()
	ctx = retry.WithBudget(ctx, writeTime)
	release, err := w.store.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	if f, ok := w.store.(folder); ok {
		if err := f.mend(ctx, w.looks()); err != nil {
			return err
		}
	}
	name, err := write()
	if err != nil || name == "" {
		return err
	}
	ours, err := w.store.written(ctx, name)
	if err == nil {
		err = w.put(ctx, ours, targets)
	}
	if err != nil && incomplete(err) && !w.looks() {
		w.Distrust()
		err = w.put(ctx, ours, targets)
	}
	if err != nil {
		return fmt.Errorf("putting it into the cache of the lane: %w", err)
	}
	return nil
}

// put puts what the builder has written into the cache of the lane.
func (w *Watch) put(ctx context.Context, ours *content, targets []string) error {
	return w.store.update(ctx, func(old *content) (*content, error) {
		if w.looks() {
			old = w.whole(ctx, old, ours)
		}
		return ours.over(old, targets, w.before)
	})
}
