package buildkit

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// cacheWatch collects what goes wrong with caches, and ends the run early if
// one of them is required.
type cacheWatch struct {
	plan *planner.Plan

	mu       sync.Mutex
	faults   runner.CacheFaults
	seen     map[string]bool
	reported map[string]bool // by what the builder calls a cache: whether it was read
	news     chan struct{}   // closed at the next report
	live     context.Context
	end      context.CancelCauseFunc
}

func newCacheWatch(plan *planner.Plan) *cacheWatch {
	w := &cacheWatch{plan: plan, seen: map[string]bool{}, reported: map[string]bool{}, news: make(chan struct{})}
	w.live, w.end = context.WithCancelCause(context.Background())
	return w
}

// watch returns a context that also ends when a required cache turns out to
// be unreadable.
func (w *cacheWatch) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(w.live, func() { cancel(context.Cause(w.live)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// reason replaces the error of a step that was ended because of a required
// cache by what is wrong with that.
func (w *cacheWatch) reason(err error) error {
	if err != nil && w.live.Err() != nil {
		return context.Cause(w.live)
	}
	return err
}

// imported is called when the builder reports that a source was read, or why not. The
// builder knows a cache in a registry by its reference, and others by their
// type and a number. It returns false for what is not a fault.
func (w *cacheWatch) imported(id, fault string) bool {
	w.mu.Lock()
	w.reported[id] = fault == ""
	close(w.news)
	w.news = make(chan struct{})
	w.mu.Unlock()
	if fault == "" {
		return true
	}
	for _, b := range w.plan.Builds {
		for _, c := range b.CacheFrom {
			if names(c, id) {
				return w.read(c, errors.New(fault))
			}
		}
	}
	return true
}

// names says whether the builder may mean a cache by a name.
func names(c planner.Cache, id string) bool {
	if c.Type == "registry" {
		return c.Attrs["ref"] == id
	}
	return strings.HasPrefix(id, c.Type+":")
}

// read notes that a source could not be read. That there is no cache yet is no
// fault, unless it is required: then the result is false. Where a cache lacks a
// part, there is one.
func (w *cacheWatch) read(c planner.Cache, err error) bool {
	missing := errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "not found")
	absent := missing && !blobName().MatchString(err.Error())
	if c.Wired && absent {
		return false
	}
	f := runner.CacheFault{Where: placeOf(c), Read: true, Required: c.Required, Absent: absent && !c.Required, Err: err}
	if f.Absent {
		w.add(f)
		return false
	}
	w.add(f)
	if c.Required {
		w.end(f)
	}
	return true
}

// wrote notes the result of writing a destination.
func (w *cacheWatch) wrote(ctx context.Context, c planner.Cache, err error) {
	if err != nil && ctx.Err() == nil {
		w.add(runner.CacheFault{Where: placeOf(c), Required: c.Required, Err: err})
	}
}

func (w *cacheWatch) add(f runner.CacheFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := f.Error(); !w.seen[key] {
		w.seen[key] = true
		w.faults = append(w.faults, f)
	}
}

func (w *cacheWatch) all() runner.CacheFaults {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// placeOf names a cache for people; credentials are not part of it.
func placeOf(c planner.Cache) string {
	a := c.Attrs
	switch c.Type {
	case "registry":
		return a["ref"]
	case "local":
		place := a["src"] + a["dest"]
		if a["tag"] != "" {
			place += ":" + a["tag"]
		}
		return place
	}
	if name := a["scope"] + a["name"]; name != "" {
		return c.Type + ":" + name
	}
	return c.Type
}
