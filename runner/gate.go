package runner

import (
	"context"
	"errors"
)

// errWithheld ends a build whose outputs are written only if every build is
// good.
var errWithheld = errors.New("not written, because another target failed")

// holds says whether a build waits between its stages and its outputs.
func (s *schedule) holds(j *job) bool {
	return !j.done && (s.opt.DeferOutput || s.last(j))
}

// last says whether a build's outputs are written last.
func (s *schedule) last(j *job) bool { return s.opt.Last != nil && s.opt.Last(j.build) }

// openGate lets the builds that hold their outputs back go on, once the stages
// of all are done; those whose outputs come last go on when the others are over,
// if all of these are good. If that cannot become true in this session, they
// are put off.
func (s *schedule) openGate(ctx context.Context) {
	if ctx.Err() != nil || s.working > 0 || !s.lost && len(s.ready) > 0 {
		return
	}
	held, last := s.held()
	switch {
	case len(held) == 0:
		return
	case !s.whole():
		s.resume(held, errNextRound)
	case last && !s.good():
		s.resume(held, errWithheld)
	default:
		s.resume(held, nil)
	}
}

// held are the builds that hold their outputs back and whose turn is next.
func (s *schedule) held() (held []*job, last bool) {
	var lasts []*job
	for _, j := range s.order {
		switch {
		case !j.held:
		case s.last(j):
			lasts = append(lasts, j)
		default:
			held = append(held, j)
		}
	}
	if len(held) > 0 {
		return held, false
	}
	return lasts, true
}

// whole says whether every build is over or holds its outputs back.
func (s *schedule) whole() bool {
	for _, j := range s.order {
		if !j.report.State.Over() && !j.held {
			return false
		}
	}
	return true
}

// good says whether every build that is over is done.
func (s *schedule) good() bool {
	for _, j := range s.order {
		if j.report.State.Over() && j.report.State != Done {
			return false
		}
	}
	return true
}

// resume lets builds go on that hold their outputs back, or ends them with an
// error.
func (s *schedule) resume(held []*job, err error) {
	for _, j := range held {
		j.resume <- err
		j.held = false
		s.working++
	}
}
