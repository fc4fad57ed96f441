package runner

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/orch-build/orch/planner"
)

// TestStopTarget holds that a target which the user stops is canceled, that what is
// built on it is blocked, and that all others go on.
func TestStopTarget(t *testing.T) {
	for _, c := range []struct {
		name  string
		jobs  int
		stop  string
		after time.Duration
		last  bool
		want  string
	}{
		{"one that runs", 0, "a", time.Second / 2, false, "a=canceled b=done c=done"},
		{"one that waits for a place", 1, "c", time.Second / 2, false, "a=done b=done c=canceled"},
		{"one that is over", 0, "a", 5 * time.Second / 2, false, "a=done b=done c=done"},
		{"one that there is not", 0, "x", time.Second / 2, false, "a=done b=done c=done"},
		{"while it writes its outputs", 0, "a", 3 * time.Second / 2, false, "a=canceled b=done c=done"},
		{"outputs come last if all are good", 0, "a", time.Second / 2, true, "a=canceled b=canceled c=canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop := make(chan string, 1)
				time.AfterFunc(c.after, func() { stop <- c.stop })
				opt := Options{Jobs: c.jobs, Stop: stop}
				if c.last {
					opt.Last = func(*planner.Build) bool { return true }
				}
				r, err := Run(t.Context(), graph("a", "b", "c"), &fake{export: time.Second}, opt)
				if err != nil || states(r) != c.want {
					t.Errorf("%v, %s, want %s", err, states(r), c.want)
				}
				time.Sleep(5 * time.Second)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan string, 1)
		time.AfterFunc(time.Second/2, func() { stop <- "base" })
		r, err := Run(t.Context(), graph("base", "app: base", "other"), &fake{}, Options{Stop: stop})
		if want := "base=canceled app=blocked(base) other=done"; err != nil || states(r) != want {
			t.Errorf("%v, %s, want %s", err, states(r), want)
		}
		if got := r.Stopped(); len(got) != 1 || got[0].Name() != "base" {
			t.Errorf("stopped are %v", got)
		}
	})
}
