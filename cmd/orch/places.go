package main

import (
	"context"
	"time"

	"github.com/orch-build/orch/internal/proctree"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/times"
)

// The embedded builder is given places by the machine that it shares with the
// user; more of them while what runs leaves cores and memory free, as steps do
// that wait for a network. A builder elsewhere, of which nothing is known, has
// limits of its own, and gets everything.
const (
	// freeCores is the part of the cores that has to be free for more places.
	freeCores = 0.25
	// reserve is the memory that is left alone, and perPlace what each further
	// place has to find, in bytes.
	reserve  = 1 << 30
	perPlace = 256 << 20
)

// schedule completes the options of a run by what says when what starts.
func (f *builderFlags) schedule(ctx context.Context, e *env, opt *runner.Options) {
	if store, _, err := projectStore(e); err == nil {
		opt.Times = times.Load(store.Dir()).Times()
	}
	if opt.Jobs != 0 || f.address(e) != "" {
		return
	}
	opt.Jobs = runner.Capacity(cores(), memory())
	r := &room{pid: func() int {
		o, err := embedded.OptionsFromEnv(e.getenv)
		if err != nil {
			return 0
		}
		info, err := embedded.Status(ctx, o)
		if err != nil {
			return 0
		}
		return info.PID
	}}
	opt.Room = r.ask
}

// room finds out whether the builder on this machine has room for more.
type room struct {
	pid   func() int
	known int // what pid said
	used  time.Duration
	at    time.Time
}

// stale is how old the last look at the builder may be for what it has used
// since to tell anything.
const stale = time.Second

// ask returns how many more places there may be.
func (r *room) ask(want int) int {
	if r.known == 0 {
		if r.known = r.pid(); r.known == 0 {
			r.known = -1
		}
	}
	if r.known < 0 {
		return 0
	}
	used, err := proctree.CPU(r.known)
	if err != nil {
		r.known = 0
		return 0
	}
	now := time.Now()
	busy, since := used-r.used, now.Sub(r.at)
	r.used, r.at = used, now
	if since > stale || float64(busy) > (1-freeCores)*float64(cores())*float64(since) {
		return 0
	}
	return min(want, int((memory()-reserve)/perPlace))
}

// keepTimes remembers how long things took, for the next run. Where that fails,
// the next run knows less.
func keepTimes(e *env, report *runner.Report) {
	store, _, err := projectStore(e)
	if err != nil {
		return
	}
	if book := times.Load(store.Dir()); book.Note(report) {
		_ = book.Save(store.Dir())
	}
}
