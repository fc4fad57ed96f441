package buildkit

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Modes are the values of ProgressOptions.Mode.
var Modes = []string{"auto", "plain", "tty", "quiet", "rawjson"}

// maxLog bounds what is kept of the output of one step in memory.
const maxLog = 64 << 10

// ProgressOptions say how a run is shown.
type ProgressOptions struct {
	// Mode is one of Modes; "auto" is tty on a terminal and plain elsewhere.
	Mode string
	// Out is where it is shown.
	Out io.Writer
	// Terminal describes Out if it is a terminal, or is nil.
	Terminal *Terminal
	// Groups is the form in which plain mode marks groups of lines.
	Groups Groups
	// LogDir is a folder for the whole output of each step; "" keeps none.
	LogDir string
	// Mask makes secrets unreadable in all of it.
	Mask *Mask
}

// Progress shows what a builder does while a run goes on, and remembers what a
// report needs of it.
type Progress struct {
	opt     ProgressOptions
	display display
	forward sync.WaitGroup

	mu    sync.Mutex
	plan  *planner.Plan
	owner map[digest.Digest]*owned
	// roots are the vertices that the targets end in.
	roots map[string][]digest.Digest
	// ends are the builder's vertices that stages end in.
	ends map[digest.Digest][]*planner.Vertex
	// emit is called with each event of the session.
	emit func(runner.Event)
	// caches are the repositories that the run reads caches from.
	caches []string
	steps  map[digest.Digest]*step
	order  []*step
	// retried counts the targets that are tried again, by the reason.
	retried map[string]int
	// imports is told what became of each cache source, if it is not nil, and
	// says whether a fault is worth showing.
	imports func(id, fault string) bool
	// warned keeps a warning of a shared Dockerfile from being shown once for
	// each target.
	warned map[string]bool
	// whole finds the file that a part of a Dockerfile was taken from.
	whole func(part []byte) (reduction, bool)
}

// display shows a run. Its methods are called by one goroutine at a time.
type display interface {
	// status is told everything that the builder says, after the steps that
	// it speaks of have taken it in.
	status(s *client.SolveStatus)
	// started, output and finished tell of a step.
	started(s *step)
	output(s *step, data []byte)
	finished(s *step)
	// target tells that a target's state has changed.
	target(t *runner.TargetReport, c runner.Counts)
	// close shows what is left to show.
	close()
}

// NewProgress starts a display. An unknown mode, or the mode "tty" where there
// is no terminal, is an error.
func NewProgress(opt ProgressOptions) (*Progress, error) {
	if !slices.Contains(Modes, opt.Mode) {
		return nil, fmt.Errorf("unknown progress mode %q; known are %s", opt.Mode, strings.Join(Modes, ", "))
	}
	p := &Progress{
		opt:     opt,
		owner:   map[digest.Digest]*owned{},
		roots:   map[string][]digest.Digest{},
		ends:    map[digest.Digest][]*planner.Vertex{},
		steps:   map[digest.Digest]*step{},
		retried: map[string]int{},
		warned:  map[string]bool{},
		whole:   (&reductions{}).whole,
		emit:    func(runner.Event) {},
	}
	switch mode := opt.Mode; {
	case mode == "tty" && opt.Terminal == nil:
		return nil, fmt.Errorf("starting progress display: the mode tty needs a terminal")
	case mode == "tty" || mode == "auto" && opt.Terminal != nil:
		p.display = newTTY(p, opt.Out, opt.Terminal)
	case mode == "plain" || mode == "auto":
		p.display = newPlain(p, opt.Out, opt.Groups)
	default:
		d, err := newStock(opt.Out, mode)
		if err != nil {
			return nil, err
		}
		p.display = d
	}
	return p, nil
}

// Close waits until everything has been shown.
func (p *Progress) Close() {
	p.forward.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.order {
		s.closeLog()
	}
	p.display.close()
}

// Changed shows that a target's state has changed.
func (p *Progress) Changed(r *runner.Report, t *runner.TargetReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.display.target(t, r.Count())
}

// maxRetried is how many targets are named that are tried again for one reason.
const maxRetried = 5

// again is the line about a target that is tried again, or "".
func (p *Progress) again(t *runner.TargetReport) string {
	why := p.opt.Mask.Text(t.Again())
	if why == "" {
		return ""
	}
	p.retried[why]++
	switch n := p.retried[why]; {
	case n > maxRetried+1:
		return ""
	case n > maxRetried:
		return "More targets are tried again: " + why
	}
	return t.Name() + " is tried again: " + why
}

// setPlan begins a session: it says the names of the targets that share a stage,
// which parts of Dockerfiles the frontend is handed, and where events go; nil is
// nowhere.
func (p *Progress) setPlan(plan *planner.Plan, parts *reductions, emit func(runner.Event)) {
	if emit == nil {
		emit = func(runner.Event) {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.whole, p.emit = plan, parts.whole, emit
	p.caches = cacheRepositories(plan)
	clear(p.roots) // they are those of a session
	clear(p.ends)
}

// onImport has f called with the name of each cache source that was read, and
// why it could not be, if so.
func (p *Progress) onImport(f func(id, fault string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.imports = f
}

// anchor returns a channel for the statuses of the anchor, and one that is
// closed when all of them have been taken in.
func (p *Progress) anchor() (chan *client.SolveStatus, <-chan struct{}) {
	return p.sink(func(s *client.SolveStatus) bool { return true }, "")
}

// export returns a channel for the statuses of the export of one target. Its
// vertices were shown by the anchor; only the export itself is new.
func (p *Progress) export(target string) (chan *client.SolveStatus, <-chan struct{}) {
	mine := map[digest.Digest]bool{}
	return p.sink(func(s *client.SolveStatus) bool {
		s.Vertexes = slices.DeleteFunc(s.Vertexes, func(v *client.Vertex) bool {
			if mine[v.Digest] {
				return false
			}
			if _, known := p.steps[v.Digest]; known || isStep(v) {
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

// isStep tells the vertices of a build from what an exporter reports: those
// of a build have a bracket in front.
func isStep(v *client.Vertex) bool { return strings.HasPrefix(v.Name, "[") }

// sink takes statuses in. edit runs with the lock held and says whether there
// is anything to show; target is whose export it is, or "".
func (p *Progress) sink(edit func(*client.SolveStatus) bool, target string) (chan *client.SolveStatus, <-chan struct{}) {
	in := make(chan *client.SolveStatus)
	done := make(chan struct{})
	p.forward.Add(1)
	go func() {
		defer p.forward.Done()
		defer close(done)
		for s := range in {
			p.mu.Lock()
			if edit(s) {
				p.takeIn(s, target)
			}
			p.mu.Unlock()
		}
	}()
	return in, done
}

// takeIn brings the steps up to date and shows what is new.
func (p *Progress) takeIn(s *client.SolveStatus, target string) {
	var changed []*step
	for _, v := range s.Vertexes {
		v.Name, v.Error = p.opt.Mask.Text(v.Name), p.opt.Mask.Text(v.Error)
		if id, ok := strings.CutPrefix(v.Name, importPrefix); ok && v.Completed != nil && p.imports != nil && !p.imports(id, v.Error) {
			v.Error = ""
		}
		changed = append(changed, p.takeVertex(v, target))
	}
	moved := map[*step]bool{}
	s.Statuses = slices.DeleteFunc(s.Statuses, func(v *client.VertexStatus) bool {
		st := p.steps[v.Vertex]
		if st == nil {
			return false
		}
		moved[st] = true
		return st.takeStatus(v)
	})
	for _, st := range changed {
		delete(moved, st)
		if !st.begun.IsZero() && !st.shown {
			st.shown = true
			p.display.started(st)
			p.emit(runner.StepStarted{Step: p.snapshot(st)})
		} else if !st.completed {
			moved[st] = true
		}
	}
	for _, st := range slices.SortedFunc(maps.Keys(moved), func(a, b *step) int { return a.number - b.number }) {
		p.emit(runner.StepChanged{Step: p.snapshot(st)})
	}
	for _, l := range s.Logs {
		if st := p.steps[l.Vertex]; st != nil {
			l.Data = p.takeLog(st, l.Stream, l.Data)
		}
	}
	for _, st := range changed {
		if st.completed {
			s.Logs = append(s.Logs, p.finish(st)...)
		}
	}
	for _, w := range s.Warnings {
		p.inWhole(w)
	}
	s.Warnings = slices.DeleteFunc(s.Warnings, p.knownWarning)
	for _, w := range s.Warnings {
		p.emit(warning(w))
	}
	p.display.status(s)
	p.emit(runner.Raw{Record: s})
}

// takeVertex brings a step up to date, and gives the vertex the name that is
// shown.
func (p *Progress) takeVertex(v *client.Vertex, target string) *step {
	st := p.steps[v.Digest]
	if st == nil {
		st = &step{id: v.Digest, number: len(p.order) + 1, held: map[int][]byte{}}
		p.steps[v.Digest] = st
		p.order = append(p.order, st)
		if target != "" {
			st.targets = []string{target}
		}
	}
	st.take(v)
	if target == "" {
		p.place(st)
		p.observe(st, v)
		v.Name = p.shownName(st)
	} else if len(p.plan.Builds) > 1 {
		v.Name = "[" + target + "] " + v.Name
	}
	return st
}

// takeLog remembers output, without secrets, and shows it.
func (p *Progress) takeLog(st *step, stream int, data []byte) []byte {
	held := st.held[stream]
	data = p.opt.Mask.stream(&held, data)
	st.held[stream] = held
	if len(data) > 0 {
		st.keep(p.opt.LogDir, data)
		p.display.output(st, data)
		p.emit(runner.StepOutput{ID: string(st.id), Data: data})
	}
	return data
}

// finish shows what is left of a step that is over, and returns it.
func (p *Progress) finish(st *step) []*client.VertexLog {
	var rest []*client.VertexLog
	for stream, held := range st.held {
		if len(held) > 0 {
			st.held[stream] = nil
			st.keep(p.opt.LogDir, held)
			p.display.output(st, held)
			p.emit(runner.StepOutput{ID: string(st.id), Data: held})
			rest = append(rest, &client.VertexLog{Vertex: st.id, Stream: stream, Data: held, Timestamp: st.finished})
		}
	}
	if st.failed == "" {
		st.log = nil
	}
	st.closeLog()
	p.display.finished(st)
	p.emit(runner.StepFinished{Step: p.snapshot(st)})
	return rest
}

// warning is the event of a warning.
func warning(w *client.VertexWarning) runner.Warning {
	out := runner.Warning{Text: string(w.Short), Record: w}
	if w.SourceInfo != nil && len(w.Range) > 0 {
		out.File, out.Line = w.SourceInfo.Filename, int(w.Range[0].GetStart().GetLine())
	}
	return out
}

// knownWarning says whether a warning was shown before, or is none of the
// user's business.
func (p *Progress) knownWarning(w *client.VertexWarning) bool {
	if st := p.steps[w.Vertex]; st != nil && st.name == verifying {
		return true
	}
	key := string(w.Short)
	if w.SourceInfo != nil {
		key += "\x00" + w.SourceInfo.Filename + fmt.Sprint(w.Range)
	}
	seen := p.warned[key]
	p.warned[key] = true
	return seen
}

// lineInText is how BuildKit's checks repeat the line in their text.
var lineInText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` \(line \d+\)$`) })

// inWhole turns the lines of a warning into those of the file as written: the
// frontend may have read only a part of it.
func (p *Progress) inWhole(w *client.VertexWarning) {
	if w.SourceInfo == nil || len(w.Range) == 0 {
		return
	}
	w.Short = lineInText().ReplaceAll(w.Short, nil)
	part, ok := p.whole(w.SourceInfo.Data)
	if !ok {
		return
	}
	for _, r := range w.Range {
		for _, at := range []*pb.Position{r.GetStart(), r.GetEnd()} {
			if at != nil {
				at.Line = int32(part.lines.Line(int(at.Line)))
			}
		}
	}
	w.SourceInfo = &pb.SourceInfo{Filename: part.file.Name, Data: part.file.Data, Language: w.SourceInfo.Language}
}

// step returns what the builder said of a vertex, or false.
func (p *Progress) step(id digest.Digest) (step, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.steps[id]
	if !ok {
		return step{}, false
	}
	return *v, true
}

// logWait is how long the end of a step, and of its output, may take to arrive
// after the answer to the request that it was for: they come on different
// streams.
const logWait = time.Second

// told says whether the end of everything that a target is made of has arrived.
// The vertex that it ends in is the last of it.
func (p *Progress) told(target string) bool {
	for _, id := range p.roots[target] {
		if s := p.steps[id]; s == nil || !s.completed {
			return false
		}
	}
	return true
}

// over returns what the builder said of a vertex that has come to its end, once
// all of it has arrived.
func (p *Progress) over(id digest.Digest) step {
	for end := time.Now().Add(logWait); ; time.Sleep(5 * time.Millisecond) {
		v, ok := p.step(id)
		if ok && v.completed || time.Now().After(end) {
			return v
		}
	}
}

// stock is BuildKit's own display, for the modes that are its own.
type stock struct {
	ch   chan *client.SolveStatus
	done chan struct{}
}

func newStock(w io.Writer, mode string) (*stock, error) {
	w = termtext.Raw(w)
	if mode == "rawjson" {
		w = termtext.JSONWriter(w)
	}
	d, err := progressui.NewDisplay(w, progressui.DisplayMode(mode))
	if err != nil {
		return nil, fmt.Errorf("starting progress display: %w", err)
	}
	s := &stock{ch: make(chan *client.SolveStatus), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		// The display ends when the channel is closed, not with the run's
		// context: what was said last is what matters most.
		_, _ = d.UpdateFrom(context.Background(), s.ch)
	}()
	return s, nil
}

func (s *stock) status(st *client.SolveStatus)            { s.ch <- st }
func (*stock) started(*step)                              {}
func (*stock) output(*step, []byte)                       {}
func (*stock) finished(*step)                             {}
func (*stock) target(*runner.TargetReport, runner.Counts) {}

func (s *stock) close() {
	close(s.ch)
	<-s.done
}
