package steps

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/runner"
)

// Options say what is kept of the output of steps.
type Options struct {
	// LogDir is a folder for the whole output of each step; "" keeps none.
	LogDir string
	// Mask makes secrets unreadable in all that is sent and kept.
	Mask *mask.Mask
}

// Session is what a Tracker has to know of the session that begins.
type Session struct {
	Plan *planner.Plan
	// Send is called with each event; nil drops them.
	Send func(runner.Event)
	// Whole finds the file that a part of a Dockerfile was taken from, which is
	// what the frontend was handed.
	Whole func(part []byte) (*planner.Dockerfile, *dockerfile.Reduced, bool)
	// Imported is called with the builder's name of each cache source that was
	// read, and why it could not be read, if so; it returns whether that is
	// worth showing. It may be nil.
	Imported func(id, fault string) bool
	// Unread is called with why the result of a step, which was in a cache, could not
	// be read. It may be nil.
	Unread func(why string)
}

// Tracker follows the steps of a run, in one session after the other.
type Tracker struct {
	opt     Options
	forward sync.WaitGroup

	mu      sync.Mutex
	session Session
	// caches are the repositories that the run reads caches from.
	caches []string
	owner  map[digest.Digest]*owned
	// roots are the vertices that the targets end in, and ends are those that
	// stages end in, both of the session.
	roots map[string][]string
	ends  map[digest.Digest][]*planner.Vertex
	steps map[digest.Digest]*step
	order []*step
	tests int
	// finished is signalled when a step has come to its end.
	finished *sync.Cond
	// warned keeps a warning of a shared Dockerfile from being sent once for each
	// target.
	warned map[string]bool
}

// New returns a tracker that knows of no step.
func New(opt Options) *Tracker {
	t := &Tracker{
		opt:    opt,
		owner:  map[digest.Digest]*owned{},
		roots:  map[string][]string{},
		ends:   map[digest.Digest][]*planner.Vertex{},
		steps:  map[digest.Digest]*step{},
		warned: map[string]bool{},
	}
	t.finished = sync.NewCond(&t.mu)
	t.begin(Session{})
	return t
}

// Begin begins a session.
func (t *Tracker) Begin(s Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(s)
}

func (t *Tracker) begin(s Session) {
	if s.Plan == nil {
		s.Plan = &planner.Plan{Graph: &planner.Graph{}}
	}
	if s.Send == nil {
		s.Send = func(runner.Event) {}
	}
	if s.Whole == nil {
		s.Whole = func([]byte) (*planner.Dockerfile, *dockerfile.Reduced, bool) { return nil, nil, false }
	}
	if s.Imported == nil {
		s.Imported = func(string, string) bool { return true }
	}
	t.session = s
	t.caches = cacheRepositories(s.Plan)
	clear(t.roots)
	clear(t.ends)
}

// several says whether the run has more than one target, so that names of steps
// have to say which.
func (t *Tracker) several() bool { return len(t.session.Plan.Builds) > 1 }

// End ends a session: it waits for the statuses that are on their way, and sends
// what has become known of steps since they were last sent: their stages, as
// further targets turn out to have them, and their logs.
func (t *Tracker) End() {
	t.forward.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.order {
		s.closeLog()
		if o := t.owner[s.id]; o != nil && s.isStep() {
			s.vertices, s.source = o.stages, o.source
		}
		if now := t.snapshot(s); s.changed(now) {
			s.sent = now
			t.session.Send(runner.StepChanged{Step: now})
		}
	}
}

// Anchor returns a channel for the statuses of an anchor, and one that is
// closed when all of them have been handled.
func (t *Tracker) Anchor() (chan *client.SolveStatus, <-chan struct{}) {
	return t.sink(func(*client.SolveStatus) bool { return true }, "")
}

// Export returns a channel for the statuses of the export of one target. Its
// vertices were reported by the anchor; only the export itself is new.
func (t *Tracker) Export(target string) (chan *client.SolveStatus, <-chan struct{}) {
	mine := map[digest.Digest]bool{}
	return t.sink(func(s *client.SolveStatus) bool {
		s.Vertexes = slices.DeleteFunc(s.Vertexes, func(v *client.Vertex) bool {
			if mine[v.Digest] {
				return false
			}
			if _, known := t.steps[v.Digest]; known || isVertex(v) {
				return true
			}
			mine[v.Digest] = true
			return false
		})
		s.Statuses = slices.DeleteFunc(s.Statuses, func(v *client.VertexStatus) bool { return !mine[v.Vertex] })
		s.Logs = slices.DeleteFunc(s.Logs, func(v *client.VertexLog) bool { return !mine[v.Vertex] })
		s.Warnings = nil
		return len(s.Vertexes)+len(s.Statuses)+len(s.Logs) > 0
	}, target)
}

// isVertex tells the vertices of a build from what an exporter reports: those
// of a build have a bracket in front.
func isVertex(v *client.Vertex) bool { return strings.HasPrefix(v.Name, "[") }

// sink handles statuses. edit runs with the lock held and says whether anything
// is left; target is whose export it is, or "".
func (t *Tracker) sink(edit func(*client.SolveStatus) bool, target string) (chan *client.SolveStatus, <-chan struct{}) {
	in := make(chan *client.SolveStatus)
	done := make(chan struct{})
	t.forward.Add(1)
	go func() {
		defer t.forward.Done()
		defer close(done)
		for s := range in {
			t.mu.Lock()
			if edit(s) {
				t.status(s, target)
			}
			t.mu.Unlock()
		}
	}()
	return in, done
}

// status brings the steps up to date and sends what is new. What it removes
// from the status is nothing that a user should see.
func (t *Tracker) status(s *client.SolveStatus, target string) {
	var named []*step
	for _, v := range s.Vertexes {
		v.Name, v.Error = t.opt.Mask.Text(v.Name), t.opt.Mask.Text(v.Error)
		if id, ok := strings.CutPrefix(v.Name, importPrefix); ok && v.Completed != nil && !t.session.Imported(id, v.Error) {
			v.Error = ""
		}
		if v.Cached && v.Error != "" && v.Completed != nil && t.session.Unread != nil {
			t.session.Unread(v.Error)
		}
		named = append(named, t.vertex(v, target))
	}
	changed := map[*step]bool{}
	s.Statuses = slices.DeleteFunc(s.Statuses, func(v *client.VertexStatus) bool {
		st := t.steps[v.Vertex]
		if st == nil {
			return false
		}
		changed[st] = true
		return st.moves(v)
	})
	t.sendSteps(named, changed)
	for _, l := range s.Logs {
		if st := t.steps[l.Vertex]; st != nil {
			l.Data = t.output(st, l.Stream, l.Data)
		}
	}
	for _, st := range named {
		if st.completed {
			s.Logs = append(s.Logs, t.finish(st)...)
		}
	}
	s.Warnings = t.warnings(s.Warnings)
	t.session.Send(runner.Raw{Record: s})
}

// vertex brings a step up to date, and gives the vertex the name that is shown.
func (t *Tracker) vertex(v *client.Vertex, target string) *step {
	st := t.steps[v.Digest]
	if st == nil {
		st = &step{id: v.Digest, number: len(t.order) + 1, held: map[int][]byte{}}
		t.steps[v.Digest] = st
		t.order = append(t.order, st)
		if target != "" {
			st.targets = []string{target}
		}
	}
	st.update(v)
	if target == "" {
		t.place(st)
		t.observe(st, v)
		v.Name = t.shownName(st)
	} else if t.several() {
		v.Name = "[" + target + "] " + v.Name
	}
	return st
}

// sendSteps sends the steps that a status names and those of which it changes
// something, but for the end of a step: its output comes before.
func (t *Tracker) sendSteps(named []*step, changed map[*step]bool) {
	for _, st := range named {
		delete(changed, st)
		switch {
		case !st.begun.IsZero() && !st.announced:
			st.announced = true
			t.session.Send(runner.StepStarted{Step: t.send(st)})
		case !st.completed:
			changed[st] = true
		}
	}
	for _, st := range slices.SortedFunc(maps.Keys(changed), func(a, b *step) int { return a.number - b.number }) {
		t.session.Send(runner.StepChanged{Step: t.send(st)})
	}
}

// output keeps and sends output, without secrets.
func (t *Tracker) output(st *step, stream int, data []byte) []byte {
	held := st.held[stream]
	data = t.opt.Mask.Stream(&held, data)
	st.held[stream] = held
	t.print(st, data)
	return data
}

// print keeps and sends output that has been masked.
func (t *Tracker) print(st *step, data []byte) {
	if len(data) > 0 {
		st.keep(t.opt.LogDir, data)
		t.session.Send(runner.StepOutput{ID: string(st.id), Data: data})
	}
}

// finish sends the end of a step, and before it the output that was held back,
// which it returns.
func (t *Tracker) finish(st *step) []*client.VertexLog {
	var rest []*client.VertexLog
	for stream, held := range st.held {
		if len(held) > 0 {
			st.held[stream] = nil
			t.print(st, held)
			rest = append(rest, &client.VertexLog{Vertex: st.id, Stream: stream, Data: held, Timestamp: st.end})
		}
	}
	if st.failed == "" {
		st.log = nil
	}
	st.closeLog()
	t.finished.Broadcast()
	t.session.Send(runner.StepFinished{Step: t.send(st)})
	return rest
}

// maxDelay is how long the end of a step, and of its output, may take to arrive
// after the answer to the request that it was for: they come on different
// streams.
const maxDelay = time.Second

// Over returns a step that has come to its end, and the end of its output, once
// all of it has arrived. Of a step that the builder has not named it knows
// nothing.
func (t *Tracker) Over(id digest.Digest) (*runner.Step, []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.await(func(s *step) bool { return s.id == id && s.completed })
	if s == nil {
		s = t.steps[id]
	}
	if s == nil {
		return &runner.Step{}, nil
	}
	return t.snapshot(s), s.lastLines()
}

// Failed returns a step of a target that has failed by itself, once that has
// arrived, or nil.
func (t *Tracker) Failed(target string) *runner.Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.await(func(s *step) bool {
		return s.completed && s.isStep() && s.failed != "" && !s.cached && !strings.Contains(s.failed, context.Canceled.Error()) &&
			slices.Contains(s.targets, target)
	})
	if s == nil {
		return nil
	}
	return t.snapshot(s)
}

// await returns the first step that is as wanted; nil if none becomes so in time.
func (t *Tracker) await(wanted func(*step) bool) *step {
	late := false
	timer := time.AfterFunc(maxDelay, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		late = true
		t.finished.Broadcast()
	})
	defer timer.Stop()
	for {
		if i := slices.IndexFunc(t.order, wanted); i >= 0 {
			return t.order[i]
		}
		if late {
			return nil
		}
		t.finished.Wait()
	}
}

// Ran says whether the builder ran steps with the given vertices, and whether all of
// these came to a good end.
func (t *Tracker) Ran(ids map[digest.Digest]bool) (ran, good bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	good = true
	for id := range ids {
		s := t.steps[id]
		if s == nil || s.begun.IsZero() || s.cached {
			continue
		}
		ran = true
		good = good && s.completed && s.failed == ""
	}
	return ran, good
}

// Count counts the steps with the given vertices that have come to an end. The
// builder reports a step only when it looks at it, so what is below a cached
// step counts as neither.
func (t *Tracker) Count(ids map[digest.Digest]bool) runner.Steps {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n runner.Steps
	for id := range ids {
		if s := t.steps[id]; s != nil && s.completed && s.isStep() {
			s.count(&n)
		}
	}
	return n
}
