package embedded

import (
	"context"
	"time"
)

// freeingTime is how long the builder may take, after its cache was pruned,
// until the space is free.
const freeingTime = time.Second

// PruneFull runs prune, which removes cache of the embedded builder,
// even if its disk is full: it takes the space that the builder sets aside
// there. If hardly any is free afterwards, an idle builder is ended and prune
// called again, since a builder that ran out of space in the middle of a
// transfer may hold on to what it had written until it ends.
func PruneFull(ctx context.Context, o Options, prune func() error) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	p := newPaths(o.StateDir)
	for again := false; ; again = true {
		if err := p.UseReserve(); err != nil {
			return p.Explain(err)
		}
		err := prune()
		if keepReserve(p) || again || ctx.Err() != nil {
			return err
		}
		if info, serr := Status(ctx, o); serr != nil || info.Active > 0 {
			return err
		}
		if _, serr := Stop(ctx, o, AfterBuilds); serr != nil {
			return err
		}
	}
}

// keepReserve sets the space aside again, and says whether there is more soon.
func keepReserve(p paths) (room bool) {
	for end := time.Now().Add(freeingTime); ; time.Sleep(50 * time.Millisecond) {
		if room, err := p.KeepReserve(); room || err != nil {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
