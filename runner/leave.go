package runner

import (
	"context"
	"time"
)

// leaveAfter gives the builds up that do not end within the time of
// Options.Leave after an interrupt. The returned function ends the watch.
func (s *schedule) leaveAfter(interrupt context.Context) (stop func()) {
	if s.opt.Leave == 0 {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-interrupt.Done():
		case <-ended:
			return
		}
		timer := time.NewTimer(s.opt.Leave)
		defer timer.Stop()
		select {
		case <-timer.C:
			close(s.abandoned)
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

// left says whether the builds that are under way were given up.
func (s *schedule) left() bool {
	select {
	case <-s.abandoned:
		return true
	default:
		return false
	}
}

// post hands over what a worker reports, unless nobody takes it any more.
func (s *schedule) post(e event) {
	select {
	case s.ends <- e:
	case <-s.abandoned:
	}
}
