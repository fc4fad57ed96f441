package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/place"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/merge"
)

// Node is one builder of a fleet.
type Node struct {
	place.Builder
	// Platform is its own platform.
	Platform string
	// Limit is how many targets it builds at once; 0 is any number.
	Limit int
	// slots has one for each of them that is being built; nil means no limit.
	slots chan struct{}
	// Down is why it cannot be reached; nil if it answers.
	Down error
	// Solver returns what builds on it, with logs of steps in a folder of that
	// name below the run's.
	Solver func(name string) (runner.Solver, error)
	// Answers says whether it is there, and reaches it anew if it was lost.
	Answers func(context.Context) bool
}

// Options are what a Solver needs.
type Options struct {
	Nodes []*Node
	// Config is the definition that the plan of the run was made of.
	Config *config.Config
	// Plan makes the plan of a part of it, for a builder's platform.
	Plan func(ctx context.Context, cfg *config.Config, platform string) (*planner.Plan, error)
	// BuildPlatform is the plan's.
	BuildPlatform string
	Times         place.Times
	// Registry is where images are put together.
	Registry merge.Registry
	// Archive writes an image that is put together, and returns how large the file
	// is; 0 if there is none.
	Archive func(context.Context, Archive) (size int64, err error)
}

// Solver builds a plan on several builders.
type Solver struct {
	opt    Options
	opened int
}

// New returns a solver for a fleet.
func New(opt Options) *Solver {
	for _, n := range opt.Nodes {
		if n.Limit > 0 {
			n.slots = make(chan struct{}, n.Limit)
		}
	}
	return &Solver{opt: opt}
}

// occupy waits for a slot of the node, and returns what gives it back.
func (n *Node) occupy(ctx context.Context) (leave func(), err error) {
	if n.slots == nil {
		return func() {}, nil
	}
	select {
	case n.slots <- struct{}{}:
		return sync.OnceFunc(func() { <-n.slots }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Placed places the targets of a plan on the builders of a fleet, those that
// cannot be reached among them, and then moves what these would have. It is an
// error if there are targets for platforms which no builder has.
func Placed(plan *planner.Plan, opt Options) (*place.Targets, *place.Placement, error) {
	targets, p, _, err := placed(plan, opt)
	return targets, p, err
}

// View shows who builds what, and why.
func View(plan *planner.Plan, opt Options) (*place.View, error) {
	targets, p, before, err := placed(plan, opt)
	if err != nil {
		return nil, err
	}
	return targets.Shown(p, before, func(b int) string {
		if err := opt.Nodes[b].Down; err != nil {
			return err.Error()
		}
		return ""
	}), nil
}

// placed also returns where units would be if all builders answered.
func placed(plan *planner.Plan, opt Options) (*place.Targets, *place.Placement, *place.Placement, error) {
	targets := place.Of(plan, place.Options{BuildPlatform: opt.BuildPlatform, Times: opt.Times, Divisible: divisible})
	builders := make([]place.Builder, len(opt.Nodes))
	var lost []int
	for i, n := range opt.Nodes {
		builders[i] = n.Builder
	}
	p := place.Place(targets.Work, builders)
	if err := targets.Missing(p); err != nil {
		return nil, nil, nil, err
	}
	before := p.Clone()
	for u, b := range p.At {
		if opt.Nodes[b].Down != nil {
			lost = append(lost, u)
		}
	}
	if _, stuck := p.Next(lost, func(b int) bool { return opt.Nodes[b].Down == nil }); len(stuck) > 0 {
		return nil, nil, nil, downError(opt.Nodes)
	}
	return targets, p, before, nil
}

// downError says why builders that are needed cannot be reached.
func downError(nodes []*Node) error {
	var lines []string
	for _, n := range nodes {
		if n.Down != nil {
			lines = append(lines, n.Name+": "+n.Down.Error())
		}
	}
	return &runner.Failure{
		ExitCode: -1, Fault: runner.FaultInfrastructure, Reason: "builders cannot be reached", Transient: true, Lost: true,
		Err: fmt.Errorf("builders that are needed cannot be reached:\n  %s", strings.Join(lines, "\n  ")),
	}
}

// Open places the targets, and opens a session on each builder that has any.
func (s *Solver) Open(ctx context.Context, plan *planner.Plan, send func(runner.Event)) (runner.Session, error) {
	s.opened++
	if s.opened > 1 {
		s.look(ctx)
	}
	targets, p, err := Placed(plan, s.opt)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "orch-fleet-")
	if err != nil {
		return nil, fmt.Errorf("making room for images that are put together: %w", err)
	}
	r := &run{
		opt: s.opt, round: s.opened, plan: plan, targets: targets, placement: p, dir: dir, ctx: ctx,
		byTarget: map[string][]*piece{}, builds: map[string]*planner.Build{}, events: newEvents(plan, send),
	}
	for _, b := range plan.Builds {
		r.builds[b.Name()] = b
	}
	for _, n := range s.opt.Nodes {
		if n.Down == nil {
			r.there = append(r.there, n.Name)
		}
	}
	if err := r.open(ctx); err != nil {
		_ = r.Close(ctx, false)
		return nil, err
	}
	return r, nil
}

// look asks all builders whether they are there.
func (s *Solver) look(ctx context.Context) {
	var wg sync.WaitGroup
	for _, n := range s.opt.Nodes {
		wg.Go(func() {
			if n.Answers(ctx) {
				n.Down = nil
			} else if n.Down == nil {
				n.Down = errors.New("it does not answer")
			}
		})
	}
	wg.Wait()
}

// run is one session on the builders of a fleet.
type run struct {
	opt       Options
	round     int
	plan      *planner.Plan
	targets   *place.Targets
	dir       string
	ctx       context.Context
	builds    map[string]*planner.Build
	there     []string // the names of the builders that answered
	events    *events
	mu        sync.Mutex // guards the rest, and what is in it
	placement *place.Placement
	batches   []*batch
	byTarget  map[string][]*piece
	// carries are what is brought from one builder to others, carrying waits for that,
	// and endCarries ends it.
	carries    []*carry
	carrying   sync.WaitGroup
	endCarries context.CancelFunc
}

// Builder names the builders, but for those that were left out from the beginning.
func (r *run) Builder() string {
	return fmt.Sprintf("%s (%s)", termtext.Count(len(r.there), "builder"), strings.Join(r.there, ", "))
}

// open opens a batch on each builder that has something to build. One that is
// lost meanwhile is replaced.
func (r *run) open(ctx context.Context) error {
	units := map[int][]int{}
	for u, b := range r.placement.At {
		units[b] = append(units[b], u)
	}
	var made []*batch
	for b := range r.opt.Nodes {
		if len(units[b]) > 0 {
			made = append(made, r.newBatch(b, units[b]))
		}
	}
	for _, b := range made {
		for _, p := range b.pieces {
			r.byTarget[p.name] = append(r.byTarget[p.name], p)
		}
	}
	r.warnOfCaches(made)
	r.findCarries(made)
	r.carryAll(ctx)
	errs := make([]error, len(made))
	var wg sync.WaitGroup
	for i, b := range made {
		if len(r.carries) > 0 && b.foreign() {
			continue // it is opened when that is there, by the first that is built on it
		}
		wg.Go(func() { errs[i] = b.open(ctx) })
	}
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if made[i].node.Answers(ctx) {
			return err // it is not the builder that is at fault
		}
		r.lose(made[i], err)
	}
	return nil
}

// newBatch prepares to build units on a builder; r.mu is held, or nobody else is
// there yet.
func (r *run) newBatch(at int, units []int) *batch {
	b := &batch{run: r, at: at, node: r.opt.Nodes[at], number: len(r.batches), helpers: map[*planner.Build]*helper{}}
	b.ctx, b.cancel = context.WithCancelCause(r.ctx)
	byName := map[string]*piece{}
	for _, u := range units {
		for _, part := range r.targets.Parts[u] {
			p := byName[part.Target]
			if p == nil {
				p = &piece{name: part.Target, batch: b, evaluated: make(chan struct{}), dropped: make(chan struct{})}
				byName[part.Target] = p
				b.pieces = append(b.pieces, p)
			}
			p.units = append(p.units, u)
			p.tests = p.tests || part.Tests
			p.platforms = append(p.platforms, part.Platforms...)
		}
	}
	for _, p := range b.pieces {
		p.platforms = inOrder(p.platforms, r.builds[p.name].Platforms)
	}
	r.batches = append(r.batches, b)
	return b
}

func inOrder(some, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(pl string) bool { return !slices.Contains(some, pl) })
}

// parts are what a batch builds.
func (b *batch) parts() []shard.Part {
	var out []shard.Part
	for _, p := range b.pieces {
		out = append(out, shard.Part{Target: p.name, Platforms: p.platforms, Tests: p.tests})
	}
	return out
}

// Close ends the sessions of all builders.
func (r *run) Close(ctx context.Context, how runner.Ending) error {
	defer os.RemoveAll(r.dir)
	defer r.carrying.Wait()
	if r.endCarries != nil {
		r.endCarries()
	}
	r.mu.Lock()
	batches := slices.Clone(r.batches)
	r.mu.Unlock()
	errs := make([]error, len(batches))
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() { errs[i] = b.close(ctx, how) })
	}
	wg.Wait()
	r.events.end()
	var faults runner.CacheFaults
	var first error
	for _, err := range errs {
		var some runner.CacheFaults
		switch {
		case errors.As(err, &some):
			faults = append(faults, some...)
		case err != nil && first == nil:
			first = err
		}
	}
	if first == nil && len(faults) > 0 {
		return faults
	}
	return first
}
