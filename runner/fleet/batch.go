package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// batch is what one builder builds in one session.
type batch struct {
	run    *run
	at     int // in the nodes
	node   *Node
	number int
	pieces []*piece
	// ctx ends when the builder is lost.
	ctx    context.Context
	cancel context.CancelCauseFunc

	opening sync.Once
	openErr error
	session runner.Session
	builds  map[string]*planner.Build
	closing sync.Once

	mu      sync.Mutex
	helpers map[*planner.Build]*helper
}

// helper is a target that is built only because others link to it.
type helper struct {
	done chan struct{}
	err  error
}

// open plans the batch and opens its session.
func (b *batch) open(ctx context.Context) error {
	b.opening.Do(func() { b.openErr = b.begin(ctx) })
	return b.openErr
}

func (b *batch) begin(ctx context.Context) error {
	r := b.run
	if err := b.awaitCarries(ctx); err != nil {
		return err
	}
	plan, err := r.opt.Plan(ctx, b.narrowed(), b.node.Platform)
	if err != nil {
		return err
	}
	b.builds = map[string]*planner.Build{}
	for _, inner := range plan.Builds {
		b.builds[inner.Name()] = inner
	}
	solver, err := b.node.Solver(fmt.Sprintf("%s-%d-%d", fileName(b.node.Name), r.round, b.number))
	if err != nil {
		return err
	}
	session, err := solver.Open(b.ctx, plan, r.events.of(b, plan))
	if err != nil {
		return err
	}
	b.session = session
	return nil
}

// close ends the session, if there is one.
func (b *batch) close(ctx context.Context, how runner.Ending) (err error) {
	b.closing.Do(func() {
		// Nobody opens it any more.
		b.opening.Do(func() { b.openErr = errors.New("the run is over") })
		if b.session == nil {
			return
		}
		lost := b.ctx.Err() != nil
		if lost {
			// A connection that is gone ends by itself.
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_ = b.session.Close(ended, runner.Incomplete)
			return
		}
		err = b.session.Close(ctx, how)
	})
	return err
}

// within is ctx, which also ends when the builder is lost.
func (b *batch) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	return ctx, func() { stop(); cancel(nil) }
}

// prepare has all that a build takes as an input built on this builder.
func (b *batch) prepare(ctx context.Context, inner *planner.Build) error {
	for _, in := range inner.Inputs {
		if p := b.piece(in.Name()); p != nil {
			select {
			case <-p.evaluated:
				continue
			case <-p.dropped:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := b.help(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// piece is the one of a target, or nil.
func (b *batch) piece(name string) *piece {
	for _, p := range b.pieces {
		if p.name == name {
			return p
		}
	}
	return nil
}

// help builds a target that others on this builder link to, once.
func (b *batch) help(ctx context.Context, inner *planner.Build) error {
	b.mu.Lock()
	h, known := b.helpers[inner]
	if !known {
		h = &helper{done: make(chan struct{})}
		b.helpers[inner] = h
	}
	b.mu.Unlock()
	if !known {
		if h.err = b.prepare(ctx, inner); h.err == nil {
			_, h.err = b.session.Build(ctx, inner, runner.BuildOptions{NoExport: true, Evaluated: func(context.Context) error { return nil }})
		}
		close(h.done)
	}
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// build builds one piece.
func (b *batch) build(ctx context.Context, p *piece, opt runner.BuildOptions) (*runner.Result, error) {
	if err := b.open(ctx); err != nil {
		if ctx.Err() == nil && !b.node.Answers(ctx) {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return nil, err
	}
	inner := b.builds[p.name]
	if inner == nil {
		return nil, fmt.Errorf("target %s is not in the plan for builder %s", p.name, b.node.Name)
	}
	if err := b.prepare(ctx, inner); err != nil {
		return nil, err
	}
	// Who waits for the platforms of others, or for what it links to, must hold no
	// slot: these may need it.
	leave, err := b.node.occupy(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	then := opt.Evaluated
	opt.Evaluated = func(ctx context.Context) error {
		leave()
		p.once.Do(func() { close(p.evaluated) })
		return then(ctx)
	}
	return b.session.Build(ctx, inner, opt)
}
