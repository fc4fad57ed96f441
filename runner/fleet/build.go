package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/merge"
)

// piece is a target, for some of its platforms, on one builder.
type piece struct {
	name      string
	platforms []string
	tests     bool
	units     []int
	batch     *batch
	// evaluated is closed when its stages are done, and dropped when it is not built
	// after all.
	evaluated, dropped chan struct{}
	once, drop         sync.Once
	// done is true once its outputs are written. next are the pieces that took its
	// place when its builder was lost.
	done bool
	next []*piece
}

// built is a piece with what it came to.
type built struct {
	*piece
	result *runner.Result
}

// errLost ends what a builder does that is lost.
var errLost = errors.New("the builder is lost")

// Build builds a target on all builders that have a part of it.
func (r *run) Build(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	r.mu.Lock()
	pieces := r.byTarget[b.Name()]
	r.mu.Unlock()
	if len(pieces) == 0 {
		return r.buildLinked(ctx, b, opt)
	}
	gate := &gate{then: opt.Evaluated, cells: max(1, len(b.Platforms)), open: make(chan struct{}), arrived: map[string]bool{}}
	opt.Evaluated = nil
	var all []built
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range pieces {
		group.Go(func() error {
			some, err := r.buildPiece(ctx, p, opt, gate)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, some...)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(x, y built) int { return rank(b, x.piece) - rank(b, y.piece) })
	return r.joined(context.WithoutCancel(ctx), b, all, opt)
}

// rank is the place of a piece's first platform.
func rank(b *planner.Build, p *piece) int {
	if len(p.platforms) == 0 {
		return 0
	}
	return slices.Index(b.Platforms, p.platforms[0])
}

// buildLinked builds a target that is only linked to, wherever it is needed.
func (r *run) buildLinked(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	r.mu.Lock()
	batches := slices.Clone(r.batches)
	r.mu.Unlock()
	start := time.Now()
	var names []string
	group, gctx := errgroup.WithContext(ctx)
	for _, one := range batches {
		inner := one.builds[b.Name()]
		if inner == nil || one.session == nil {
			continue
		}
		names = append(names, one.node.Name)
		group.Go(func() error {
			ctx, stop := one.within(gctx)
			defer stop()
			err := one.help(ctx, inner)
			if one.ctx.Err() != nil || lostBuilder(err) {
				return nil // who needs it, and is moved, has it built again
			}
			return r.events.failure(one, err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := opt.Evaluated(ctx); err != nil {
		return nil, err
	}
	return &runner.Result{Evaluated: time.Since(start), Builders: names}, nil
}

// buildPiece builds a piece, and what takes its place if its builder is lost.
func (r *run) buildPiece(ctx context.Context, p *piece, opt runner.BuildOptions, gate *gate) ([]built, error) {
	opt.Evaluated = func(ctx context.Context) error { return gate.arrive(ctx, p.platforms) }
	res, err := r.attempt(ctx, p, opt)
	if err == nil {
		res.Builders = []string{p.batch.node.Name}
		return []built{{p, res}}, nil
	}
	if ctx.Err() != nil {
		return nil, err
	}
	next, moved := r.moved(p, err)
	if !moved {
		return nil, r.events.failure(p.batch, p.batch.ending(p.name, err))
	}
	var all []built
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range next {
		group.Go(func() error {
			some, err := r.buildPiece(ctx, n, opt, gate)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, some...)
			return err
		})
	}
	return all, group.Wait()
}

// attempt builds a piece on its builder.
func (r *run) attempt(ctx context.Context, p *piece, opt runner.BuildOptions) (*runner.Result, error) {
	ctx, stop := p.batch.within(ctx)
	defer stop()
	res, err := p.batch.build(ctx, p, opt)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.done = true
	for _, n := range p.next {
		n.drop.Do(func() { close(n.dropped) }) // its builder was lost a moment too late
	}
	return res, nil
}

// ending is the failure of a piece whose builder is lost, and that no other can build:
// what is known of the builder says more than that something was waiting for it.
func (b *batch) ending(target string, err error) error {
	if f := runner.AsFailure(err); f != nil || b.ctx.Err() == nil && !lostBuilder(err) {
		return err
	}
	b.run.mu.Lock()
	cause := b.node.Down
	b.run.mu.Unlock()
	if cause == nil {
		cause = errLost
	}
	return &runner.Failure{
		Target: target, ExitCode: -1, Fault: runner.FaultInfrastructure, Reason: reason(cause), Transient: true, Lost: true, Err: cause,
	}
}

// lostBuilder says whether an error is that the builder is gone.
func lostBuilder(err error) bool {
	f := runner.AsFailure(err)
	return errors.Is(err, errLost) || f != nil && f.Lost
}

// moved returns the pieces that take the place of one that has failed, if it
// failed because its builder is lost.
func (r *run) moved(p *piece, err error) ([]*piece, bool) {
	if p.batch.ctx.Err() == nil && !lostBuilder(err) {
		return nil, false
	}
	r.lose(p.batch, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.next, len(p.next) > 0
}

// lose gives what a lost builder has not finished to the next ones.
func (r *run) lose(b *batch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.node.Down == nil {
		b.node.Down = err
	}
	for _, other := range r.batches {
		if other.node == b.node && other.ctx.Err() == nil {
			r.replace(other)
		}
	}
}

// replace moves the unfinished pieces of a batch; r.mu is held.
func (r *run) replace(b *batch) {
	b.cancel(errLost)
	var units []int
	names := map[string]bool{}
	for _, p := range b.pieces {
		if !p.done {
			names[p.name] = true
			units = append(units, p.units...)
		}
	}
	slices.Sort(units)
	units = slices.Compact(units)
	if len(units) == 0 {
		return
	}
	moved, _ := r.placement.Next(units, func(at int) bool { return r.opt.Nodes[at].Down == nil })
	byNode := map[int][]int{}
	for _, u := range moved {
		byNode[r.placement.At[u]] = append(byNode[r.placement.At[u]], u)
	}
	var where []string
	for _, at := range slices.Sorted(maps.Keys(byNode)) {
		next := r.newBatch(at, byNode[at])
		where = append(where, next.node.Name)
		next.pieces = slices.DeleteFunc(next.pieces, func(p *piece) bool { return !names[p.name] })
		for _, p := range next.pieces {
			for _, old := range b.pieces {
				if old.name == p.name {
					old.next = append(old.next, p)
				}
			}
		}
	}
	if len(where) > 0 {
		r.events.warn(fmt.Sprintf("builder %s is lost (%v): what it has not finished (%d of %s) goes to %s",
			b.node.Name, reason(b.node.Down), len(names), termtext.Count(len(b.pieces), "target"), strings.Join(where, ", ")))
	}
}

// reason is why a builder is lost, in a few words.
func reason(err error) string {
	if f := runner.AsFailure(err); f != nil && f.Reason != "" {
		return f.Reason
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// gate lets the pieces of a target go on to their outputs when the stages of all
// are done.
type gate struct {
	then  func(context.Context) error
	cells int
	open  chan struct{}

	mu      sync.Mutex
	arrived map[string]bool
	err     error
	passed  bool
}

// arrive notes that the stages of a piece are done, and waits for the others.
func (g *gate) arrive(ctx context.Context, platforms []string) error {
	g.mu.Lock()
	for _, pl := range platforms {
		g.arrived[pl] = true
	}
	if len(platforms) == 0 {
		g.arrived[""] = true
	}
	if last := len(g.arrived) == g.cells && !g.passed; last {
		g.passed = true
		g.mu.Unlock()
		g.err = g.then(ctx)
		close(g.open)
		return g.err
	}
	g.mu.Unlock()
	select {
	case <-g.open:
		return g.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// joined is the result of a target whose pieces are built.
func (r *run) joined(ctx context.Context, b *planner.Build, all []built, opt runner.BuildOptions) (*runner.Result, error) {
	if len(all) == 1 {
		return all[0].result, nil
	}
	out := &runner.Result{Metadata: map[string]any{}}
	var pieces []merge.Piece
	for _, one := range slices.Backward(all) {
		maps.Copy(out.Metadata, one.result.Metadata)
	}
	for _, one := range all {
		res := one.result
		out.Evaluated, out.Exported = max(out.Evaluated, res.Evaluated), max(out.Exported, res.Exported)
		out.Tests = append(out.Tests, res.Tests...)
		out.Builders = append(out.Builders, res.Builders...)
		pieces = append(pieces, merge.Piece{
			From: "builder " + one.batch.node.Name, Platforms: one.platforms, Digest: res.Digest, Unpublished: res.Unpublished, Metadata: res.Metadata,
		})
	}
	if opt.NoExport {
		return out, nil
	}
	start := time.Now()
	err := r.writeJoined(ctx, b, all, pieces, out)
	out.Exported += time.Since(start)
	if err != nil {
		return nil, &runner.Failure{Target: b.Name(), ExitCode: -1, Err: err}
	}
	if len(out.Metadata) == 0 {
		out.Metadata = nil
	}
	return out, nil
}
