package caches

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Watch collects what goes wrong with caches, and ends the run early if
// one of them is required.
type Watch struct {
	plan *planner.Plan

	mu       sync.Mutex
	faults   runner.CacheFaults
	unread   []string // why results that were in a cache could not be read
	seen     map[string]bool
	reported map[string]bool // by what the builder calls a cache: whether it was read
	news     chan struct{}   // closed at the next report
	live     context.Context
	end      context.CancelCauseFunc
}

// NewWatch returns a watch over the caches of a plan.
func NewWatch(plan *planner.Plan) *Watch {
	w := &Watch{plan: plan, seen: map[string]bool{}, reported: map[string]bool{}, news: make(chan struct{})}
	w.live, w.end = context.WithCancelCause(context.Background())
	return w
}

// Context returns a context that also ends when a required cache turns out to
// be unreadable.
func (w *Watch) Context(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(w.live, func() { cancel(context.Cause(w.live)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Reason replaces the error of a step that was ended because of a required
// cache by what is wrong with that.
func (w *Watch) Reason(err error) error {
	if err != nil && w.live.Err() != nil {
		return context.Cause(w.live)
	}
	return err
}

// Imported is called when the builder reports that a source was read, or why not. The
// builder knows a cache in a registry by its reference, and others by their
// type and a number. It returns false for what is not a fault.
func (w *Watch) Imported(id, fault string) bool {
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
				return w.Read(c, errors.New(fault))
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

// Read notes that a source could not be read. That there is no cache yet is no
// fault, unless it is required: then the result is false. A cache that lacks
// a part counts as one that is there.
func (w *Watch) Read(c planner.Cache, err error) bool {
	missing := errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "not found")
	absent := missing && !blobName.MatchString(err.Error())
	if c.Wired && absent {
		return false
	}
	f := runner.CacheFault{Where: Place(c), Read: true, Required: c.Required, Absent: absent && !c.Required, Err: err}
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

// Wrote notes the result of writing a destination.
func (w *Watch) Wrote(ctx context.Context, c planner.Cache, err error) {
	if err != nil && ctx.Err() == nil {
		w.add(runner.CacheFault{Where: Place(c), Required: c.Required, Err: err})
	}
}

// maxUnread is how many reasons are kept of why results could not be read.
const maxUnread = 20

// Unread notes why a result that was in a cache could not be read, so that its step was
// run. The builder does not say which cache it was.
func (w *Watch) Unread(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.unread) < maxUnread && !slices.Contains(w.unread, why) {
		w.unread = append(w.unread, why)
	}
}

// Damaged says whether a result that was in a cache could not be read.
func (w *Watch) Damaged() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.unread) > 0
}

// BlameUnread finds out in which of the caches of the plan parts are gone, and notes that.
func (w *Watch) BlameUnread(ctx context.Context, a Access, d *Drops) {
	w.mu.Lock()
	texts := slices.Clone(w.unread)
	w.mu.Unlock()
	for _, text := range texts {
		for _, b := range w.plan.Builds {
			if c, blob, ok := d.part(ctx, a, text, b.CacheFrom); ok && d.Reason(c) == nil {
				w.Read(c, partGone(blob))
				break
			}
		}
	}
}

func (w *Watch) add(f runner.CacheFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := f.Error(); !w.seen[key] {
		w.seen[key] = true
		w.faults = append(w.faults, f)
	}
}

// Faults are what has gone wrong so far.
func (w *Watch) Faults() runner.CacheFaults {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// importWait is how long the builder's word on a cache may take to arrive after
// the lookup itself: they come on different streams.
const importWait = 2 * time.Second

// Reported are the names of the caches that the builder has reported so far.
func (w *Watch) Reported() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]bool{}
	for id := range w.reported {
		out[id] = true
	}
	return out
}

// Await waits for the builder's word on a cache that was not read before,
// and says whether it could be read.
func (w *Watch) Await(ctx context.Context, c planner.Cache, before map[string]bool) bool {
	late := time.NewTimer(importWait)
	defer late.Stop()
	for {
		good, known, news := w.since(c, before)
		if known {
			return good
		}
		select {
		case <-news:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// since says whether a cache has been read, if the builder has reported that
// since before, and what is closed at its next report.
func (w *Watch) since(c planner.Cache, before map[string]bool) (good, known bool, news <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, good := range w.reported {
		if !before[id] && names(c, id) {
			return good, true, nil
		}
	}
	return false, false, w.news
}
