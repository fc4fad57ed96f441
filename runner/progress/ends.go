package progress

import (
	"time"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
)

// maxDelay is how long the line about the end of a target waits for the ends of
// its steps, which come from the builder on another way.
const maxDelay = time.Second

// targetEnds are the lines about ends of targets that wait for the ends of the
// targets' steps.
type targetEnds struct {
	steps   map[string][]string // that targets end in, by their IDs
	waiting []targetEnd
	timer   *time.Timer // for the first of them
}

type targetEnd struct {
	target string
	line   string
	until  time.Time
}

// add adds a line. Only of a target that is done it is known that all of its
// steps will have ended.
func (e *targetEnds) add(c *change, line string) {
	end := targetEnd{target: c.name, line: termtext.Line(line), until: time.Now()}
	if c.state == runner.Done {
		end.until = end.until.Add(maxDelay)
	}
	e.waiting = append(e.waiting, end)
}

// ready returns the lines that need not wait any more, in the order in which
// they came.
func (e *targetEnds) ready(steps map[string]*lines) []string {
	var out []string
	now := time.Now()
	for len(e.waiting) > 0 && (!now.Before(e.waiting[0].until) || e.complete(e.waiting[0].target, steps)) {
		out = append(out, e.waiting[0].line)
		e.waiting = e.waiting[1:]
		e.timer = nil
	}
	if len(e.waiting) > 0 && e.timer == nil {
		e.timer = time.NewTimer(e.waiting[0].until.Sub(now))
	}
	return out
}

// complete says whether the end of everything that a target is made of has been
// reported.
func (e *targetEnds) complete(target string, steps map[string]*lines) bool {
	for _, id := range e.steps[target] {
		if s := steps[id]; s == nil || !s.Done {
			return false
		}
	}
	return true
}

// wake is when the first line has waited for long enough.
func (e *targetEnds) wake() <-chan time.Time {
	if e.timer == nil {
		return nil
	}
	return e.timer.C
}

// giveUp has nothing wait any more.
func (e *targetEnds) giveUp() {
	for i := range e.waiting {
		e.waiting[i].until = time.Time{}
	}
}
