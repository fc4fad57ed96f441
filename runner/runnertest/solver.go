package runnertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Solver plays a script. It is made by [Parse] or [Load].
type Solver struct {
	// LogDir is a folder for what each step prints; "" keeps none.
	LogDir string

	name    string
	session []line
	scripts map[string][][]line // of targets, one for each attempt

	mu       sync.Mutex
	opened   int // attempts to open a session
	steps    int
	attempts map[string]int
}

// Open opens a session, or fails as the script says.
func (s *Solver) Open(_ context.Context, plan *planner.Plan, send func(runner.Event)) (runner.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.session {
		if l.word != "open" {
			continue
		}
		if n == s.opened {
			s.opened++
			return nil, failureOf(l)
		}
		n++
	}
	return &session{Solver: s, plan: plan, send: send}, nil
}

// session is one that is open.
type session struct {
	*Solver
	plan *planner.Plan
	send func(runner.Event)
	ends []runner.Measured
}

// Builder is the name that the script gives to the builder.
func (s *session) Builder() string { return s.name }

// next is the script of the next attempt at a target. The last one is played
// again and again.
func (s *session) next(target string) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	scripts := s.scripts[target]
	if len(scripts) == 0 {
		return nil
	}
	n := min(s.attempts[target], len(scripts)-1)
	s.attempts[target]++
	return scripts[n]
}

// Build plays the section of a target.
func (s *session) Build(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	if opt.NoExport {
		return &runner.Result{}, opt.Evaluated(ctx)
	}
	p := &player{session: s, build: b, result: &runner.Result{}, end: runner.Measured{Build: b}}
	start := time.Now()
	lines := s.next(b.Name())
	stages := stagesEnd(lines)
	if err := p.play(ctx, lines[:stages]); err != nil {
		return nil, err
	}
	p.result.Evaluated = time.Since(start)
	if err := opt.Evaluated(ctx); err != nil {
		return nil, err
	}
	if err := p.play(ctx, lines[stages:]); err != nil {
		return nil, err
	}
	p.result.Exported = time.Since(start) - p.result.Evaluated
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, p.end)
	return p.result, nil
}

// stagesEnd is how many lines of a section belong to the stages.
func stagesEnd(lines []line) int {
	last := 0
	for i, l := range lines {
		switch l.word {
		case "evaluated":
			return i
		case "step", "|", "done", "cached", "error", "fail", "test":
			last = i + 1
		}
	}
	return last
}

// Close ends the session as the script says.
func (s *session) Close(_ context.Context, _ runner.Ending) error {
	var changes runner.ContextChanges
	var faults runner.CacheFaults
	var failed error
	for _, l := range s.session {
		switch {
		case l.word == "changed":
			changes = append(changes, runner.ContextChange{Context: l.keys["in"], Path: l.arg(0), What: l.arg(1)})
		case l.word == "close" && l.keys["cache"] != "":
			faults = append(faults, runner.CacheFault{
				Where: l.keys["cache"], Read: l.is("read"), Required: l.is("required"), Absent: l.is("absent"), Err: errors.New(l.arg(0)),
			})
		case l.word == "close":
			failed = errors.New(l.arg(0))
		}
	}
	s.send(changes)
	for _, m := range s.ends {
		s.send(m)
	}
	if len(faults) > 0 {
		return faults
	}
	return failed
}
