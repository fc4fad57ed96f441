package interrupt

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestRun holds that work is given up after the time of grace, and not before,
// and that held work is not given up.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		held  time.Duration // after the interrupt
		takes time.Duration // after the interrupt
		want  bool
		ends  time.Duration
	}{
		{"ends at once", 0, 0, true, 0},
		{"ends in time", 0, 2 * time.Second, true, 2 * time.Second},
		{"goes on", 0, time.Hour, false, 3 * time.Second},
		{"held", time.Minute, time.Minute, true, time.Minute},
		{"goes on after it was held", time.Minute, time.Hour, false, time.Minute + 3*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w Watch
				ctx, cancel := context.WithCancel(t.Context())
				begin := time.Now()
				ok := w.Run(ctx, 3*time.Second, func() {
					if c.held > 0 {
						release := w.Hold()
						time.AfterFunc(c.held, release)
					}
					cancel()
					time.Sleep(c.takes)
				})
				defer time.Sleep(2 * time.Hour) // until the work has ended
				if took := time.Since(begin); ok != c.want || took != c.ends {
					t.Errorf("%v after %s, want %v after %s", ok, took, c.want, c.ends)
				}
			})
		})
	}
}

func TestText(t *testing.T) {
	var w Watch
	if got := w.Text(); got != "interrupted" {
		t.Errorf("%q", got)
	}
	w.Note("interrupted before anything was built")
	if got := w.Text(); got != "interrupted before anything was built" {
		t.Errorf("%q", got)
	}
}
