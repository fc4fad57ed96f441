package runner

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// lookTime is how often it is looked again who needs a place while builds
	// wait for one.
	lookTime = 250 * time.Millisecond
	// claimTime is how long a build that was started keeps others from what it
	// is about to come to, before the builder says anything of it.
	claimTime = 300 * time.Millisecond
	// leftTime is how long a vertex counts as worked on without a step of it: if
	// nothing comes, its result was there, or what is left of it is not needed.
	leftTime = 500 * time.Millisecond
	// idleTime is how long a build keeps its place without a RUN step: between
	// two of them it must not lose it.
	idleTime = time.Second
	// maxLooking is how many builds may have been started of which the builder
	// has run nothing yet. It is far more than what makes a run faster.
	maxLooking = 256
)

// inbox holds the events of a session until the goroutine of Run has time for
// them.
type inbox struct {
	mu    sync.Mutex
	items []Event
	wake  chan struct{}
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put is called by the session.
func (b *inbox) put(e Event) {
	b.mu.Lock()
	b.items = append(b.items, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = nil
	return items
}

// work is what the builder does for a vertex.
type work struct {
	steps int       // that run now
	idle  time.Time // since when there are none
	// runs are the builds that its RUN steps are counted for, in the order in
	// which they began.
	runs []*job
}

// handleEvents handles what the builder did, and returns whether that may
// change what can be started.
func (s *schedule) handleEvents() bool {
	activities := s.takeEvents()
	for _, a := range activities {
		s.heard = true
		switch a.Kind {
		case WorkStarted:
			s.workStarted(a)
		case WorkFinished:
			s.workFinished(a)
		case VertexDone:
			s.chain.Done(a.Vertex)
		}
	}
	return len(activities) > 0
}

func (s *schedule) workStarted(a Activity) {
	w := s.works[a.Vertex]
	if w == nil {
		w = &work{}
		s.works[a.Vertex] = w
	}
	w.steps++
	j := s.jobs[s.chain.Begin(a.Vertex)]
	if !a.Run {
		return
	}
	w.runs = append(w.runs, j)
	if j != nil {
		j.runs++
	}
}

func (s *schedule) workFinished(a Activity) {
	w := s.works[a.Vertex]
	if w == nil {
		return
	}
	w.steps, w.idle = max(0, w.steps-1), time.Now()
	if !a.Run || len(w.runs) == 0 {
		return
	}
	j := w.runs[0]
	w.runs = w.runs[1:]
	if j != nil {
		j.runs, j.idle = max(0, j.runs-1), w.idle
	}
}

// forget forgets that the builder works on a vertex of which it has run nothing
// for a while.
func (s *schedule) forget(now time.Time) {
	for v, w := range s.works {
		if w.steps == 0 && now.Sub(w.idle) >= leftTime {
			s.chain.Release(v)
			delete(s.works, v)
		}
	}
}

// limited says whether builds may have to wait for a place.
func (s *schedule) limited() bool { return s.opt.Jobs > 0 }

// look counts the places that are taken, and the builds that may still come to
// need one.
func (s *schedule) look(now time.Time) (taken, looking int) {
	s.forget(now)
	for _, j := range s.order {
		if !j.evaluating {
			continue
		}
		if j.claims && now.Sub(j.started) >= claimTime {
			j.claims = false
			s.chain.Unclaim(j.build)
		}
		if j.runs == 0 && (!s.limited() || !s.chain.Waits(j.build)) {
			looking++
		}
		if s.limited() && s.holdsPlace(j, now) {
			taken += j.weight
		}
	}
	return taken, looking
}

// holdsPlace says whether a build that was started takes a place: while it runs
// a step, and a little longer. One that waits, for a stage that another runs or
// for files or an image to arrive, takes none.
func (s *schedule) holdsPlace(j *job, now time.Time) bool {
	switch {
	case !s.heard || j.runs > 0:
		return true
	case s.chain.Waits(j.build):
		return false
	}
	return now.Sub(j.idle) < idleTime
}

// fill starts what may be started, the longest chain first.
func (s *schedule) fill(ctx context.Context) {
	s.dropBlocked()
	if len(s.ready) == 0 || s.alone {
		return
	}
	taken, looking := s.look(time.Now())
	if s.limited() && taken >= s.places() || looking >= maxLooking {
		return
	}
	s.sort()
	var rest []*job
	for i, j := range s.ready {
		if s.alone || s.limited() && taken+j.weight > s.places() || looking >= maxLooking {
			rest = append(rest, s.ready[i:]...)
			break
		}
		if j.build.Target.Exclusive && (s.working > 0 || !s.onlyExclusive(s.ready[i:])) ||
			s.limited() && !s.chain.CanWork(j.build) {
			rest = append(rest, j)
			continue
		}
		s.start(ctx, j)
		taken += j.weight
		looking++
	}
	s.ready = rest
}

func (s *schedule) dropBlocked() {
	s.ready = slices.DeleteFunc(s.ready, func(j *job) bool { return !j.done && j.report.State.Over() })
}

// onlyExclusive says whether all of the builds want to be alone.
func (s *schedule) onlyExclusive(jobs []*job) bool {
	return !slices.ContainsFunc(jobs, func(j *job) bool { return !j.build.Target.Exclusive })
}

// sort puts first what has the longest chain ahead of it. Among equals, and so
// where nothing is known, the order of the plan decides; what is built alone
// comes last.
func (s *schedule) sort() {
	left := make(map[*job]time.Duration, len(s.ready))
	for _, j := range s.ready {
		left[j] = s.chain.Left(j.build)
	}
	alone := func(j *job) int {
		if j.build.Target.Exclusive {
			return 1
		}
		return 0
	}
	slices.SortFunc(s.ready, func(a, b *job) int {
		return cmp.Or(cmp.Compare(alone(a), alone(b)), cmp.Compare(left[b], left[a]), cmp.Compare(a.rank, b.rank))
	})
}

// places is how many places there are now.
func (s *schedule) places() int { return s.opt.Jobs + s.extra }

// moreRoom asks whether there is room for more than was thought. What proves
// too much is taken back as builds end.
func (s *schedule) moreRoom() {
	if s.opt.Room == nil || !s.limited() || len(s.ready) == 0 || s.alone {
		return
	}
	taken, _ := s.look(time.Now())
	if taken < s.places() {
		return
	}
	if more := s.opt.Room(s.places()); more > 0 {
		s.extra += more
	} else {
		s.extra /= 2
	}
}
