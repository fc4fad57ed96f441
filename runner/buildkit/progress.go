package buildkit

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/planner"
)

// Modes are the values that NewProgress takes for mode.
var Modes = []string{"auto", "plain", "tty", "quiet", "rawjson"}

// maxLog bounds what is kept of the output of one step.
const maxLog = 64 << 10

// Progress shows what a builder does while a run goes on, with BuildKit's own
// display, and remembers what a report needs of it.
type Progress struct {
	ch      chan *client.SolveStatus
	done    chan struct{}
	forward sync.WaitGroup

	mu       sync.Mutex
	plan     *planner.Plan
	owner    map[digest.Digest]string // a target that has the vertex
	vertices map[digest.Digest]*vertexState
	stages   map[string][]*planner.Vertex // by name in lower case
	// imports is told what became of each cache source, if it is not nil, and
	// says whether a fault is worth showing.
	imports func(id, fault string) bool
	// warned keeps a warning of a shared Dockerfile from being shown once for
	// each target.
	warned map[string]bool
}

// vertexState is what the builder said of one vertex.
type vertexState struct {
	name      string
	completed bool
	cached    bool
	log       []byte
}

// NewProgress starts a display on w. An unknown mode, or the mode "tty" where
// w is no terminal, is an error.
func NewProgress(w io.Writer, mode string) (*Progress, error) {
	if !slices.Contains(Modes, mode) {
		return nil, fmt.Errorf("unknown progress mode %q; known are %s", mode, strings.Join(Modes, ", "))
	}
	display, err := progressui.NewDisplay(w, progressui.DisplayMode(mode))
	if err != nil {
		return nil, fmt.Errorf("starting progress display: %w", err)
	}
	p := &Progress{
		ch:       make(chan *client.SolveStatus),
		done:     make(chan struct{}),
		owner:    map[digest.Digest]string{},
		vertices: map[digest.Digest]*vertexState{},
		stages:   map[string][]*planner.Vertex{},
		warned:   map[string]bool{},
	}
	go func() {
		defer close(p.done)
		// The display ends when the channel is closed, not with the run's
		// context: what was said last is what matters most.
		_, _ = display.UpdateFrom(context.Background(), p.ch)
	}()
	return p, nil
}

// Close waits until everything has been shown.
func (p *Progress) Close() {
	p.forward.Wait()
	close(p.ch)
	<-p.done
}

// setPlan tells the names of the targets that share a stage.
func (p *Progress) setPlan(plan *planner.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
	for _, v := range plan.Graph.Vertices {
		if v.Kind == planner.Stage {
			key := stageKey(v.Name)
			p.stages[key] = append(p.stages[key], v)
		}
	}
}

// stageKey is the name under which BuildKit shows a stage: its own, or
// "stage-N" for one without a name.
func stageKey(name string) string {
	if name != "" && strings.Trim(name, "0123456789") == "" {
		return "stage-" + name
	}
	return strings.ToLower(name)
}

// importPrefix begins the names of the vertices that read caches.
const importPrefix = "importing cache manifest from "

// onImport has f called with the name of each cache source that was read, and
// why it could not be, if so.
func (p *Progress) onImport(f func(id, fault string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.imports = f
}

// own records that the vertices of a definition belong to a target.
func (p *Progress) own(target string, ids []digest.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if _, ok := p.owner[id]; !ok {
			p.owner[id] = target
		}
	}
}

// anchor returns a channel for the statuses of the anchor, and one that is
// closed when all of them have been taken in.
func (p *Progress) anchor() (chan *client.SolveStatus, <-chan struct{}) {
	return p.sink(func(s *client.SolveStatus) bool {
		p.rename(s)
		return true
	})
}

// export returns a channel for the statuses of the export of one target. Its
// vertices were shown by the anchor; only the export itself is new.
func (p *Progress) export(target string) (chan *client.SolveStatus, <-chan struct{}) {
	mine := map[digest.Digest]bool{}
	return p.sink(func(s *client.SolveStatus) bool {
		s.Vertexes = slices.DeleteFunc(s.Vertexes, func(v *client.Vertex) bool {
			if _, known := p.vertices[v.Digest]; known || isStep(v) {
				return true
			}
			mine[v.Digest] = true
			return false
		})
		s.Statuses = slices.DeleteFunc(s.Statuses, func(v *client.VertexStatus) bool { return !mine[v.Vertex] })
		s.Logs = slices.DeleteFunc(s.Logs, func(v *client.VertexLog) bool { return !mine[v.Vertex] })
		s.Warnings = nil
		if len(p.plan.Builds) > 1 {
			for _, v := range s.Vertexes {
				v.Name = "[" + target + "] " + v.Name
			}
		}
		return len(s.Vertexes)+len(s.Statuses)+len(s.Logs) > 0
	})
}

// isStep tells the vertices of a build from what an exporter reports: those
// of a build have a bracket in front.
func isStep(v *client.Vertex) bool { return strings.HasPrefix(v.Name, "[") }

// sink forwards statuses to the display. edit runs with the lock held and
// says whether there is anything to show.
func (p *Progress) sink(edit func(*client.SolveStatus) bool) (chan *client.SolveStatus, <-chan struct{}) {
	in := make(chan *client.SolveStatus)
	done := make(chan struct{})
	p.forward.Add(1)
	go func() {
		defer p.forward.Done()
		defer close(done)
		for s := range in {
			p.mu.Lock()
			show := edit(s)
			p.mu.Unlock()
			if show {
				p.ch <- s
			}
		}
	}()
	return in, done
}

// rename takes in what the anchor reports and names the targets of each step.
func (p *Progress) rename(s *client.SolveStatus) {
	for _, v := range s.Vertexes {
		state := p.vertices[v.Digest]
		if state == nil {
			state = &vertexState{}
			p.vertices[v.Digest] = state
		}
		state.name = v.Name
		state.cached = state.cached || v.Cached
		if v.Completed != nil {
			state.completed = true
			if id, ok := strings.CutPrefix(v.Name, importPrefix); ok && p.imports != nil && !p.imports(id, v.Error) {
				v.Error = ""
			}
			if v.Error == "" {
				state.log = nil
			}
		}
		v.Name = p.shownName(v.Digest, v.Name)
	}
	for _, l := range s.Logs {
		if state := p.vertices[l.Vertex]; state != nil {
			state.log = append(state.log, l.Data...)
			if extra := len(state.log) - maxLog; extra > 0 {
				state.log = state.log[extra:]
			}
		}
	}
	s.Warnings = slices.DeleteFunc(s.Warnings, func(w *client.VertexWarning) bool {
		key := string(w.Short)
		if w.SourceInfo != nil {
			key += "\x00" + w.SourceInfo.Filename + fmt.Sprint(w.Range)
		}
		seen := p.warned[key]
		p.warned[key] = true
		return seen
	})
}

// stepName matches the names that BuildKit's frontend gives to steps:
// "[base 2/4] RUN …" and "[linux/arm64 base 2/4] RUN …".
var stepName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\[(?:([a-z0-9]+/[^ \]]+) )?([^ \]]+)(?: +\d+/\d+)?\] `)
})

// shownName puts the targets of a step in front of its name.
func (p *Progress) shownName(id digest.Digest, name string) string {
	owner, ok := p.owner[id]
	if !ok || p.plan == nil || len(p.plan.Builds) < 2 {
		return name
	}
	m := stepName().FindStringSubmatch(name)
	if m == nil || m[2] == "internal" {
		return name
	}
	targets := []string{owner}
	for _, v := range p.stages[strings.ToLower(m[2])] {
		if slices.Contains(v.Targets, owner) && (m[1] == "" || v.Platform == m[1]) {
			targets = v.Targets
		}
	}
	return "[" + joinTargets(targets) + ": " + name[1:]
}

// joinTargets names up to three targets, and counts them if there are more.
func joinTargets(targets []string) string {
	if len(targets) > 3 {
		return fmt.Sprintf("%d targets", len(targets))
	}
	return strings.Join(targets, "+")
}

// step returns what the builder said of a vertex, or false.
func (p *Progress) step(id digest.Digest) (vertexState, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.vertices[id]
	if !ok {
		return vertexState{}, false
	}
	return *v, true
}

// logWait is how long the end of a failed step's output may take to arrive
// after the failure itself: they come on different streams.
const logWait = time.Second

// failed returns what the builder said of a vertex that has failed, once its
// output is complete.
func (p *Progress) failed(id digest.Digest) vertexState {
	for end := time.Now().Add(logWait); ; time.Sleep(5 * time.Millisecond) {
		v, ok := p.step(id)
		if ok && v.completed || time.Now().After(end) {
			return v
		}
	}
}

// tail returns the last n lines of a step's output.
func (v vertexState) tail(n int) []string {
	text := strings.TrimRight(string(v.log), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}
