package buildkit

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/span"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/caches"
	"github.com/orch-build/orch/runner/buildkit/facts"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/engine/keptimage"
	"github.com/orch-build/orch/runner/rights"
)

// Options are what a Solver needs besides the plan.
type Options struct {
	// LogDir is a folder for the whole output of each step; "" keeps none.
	LogDir string
	// Mask makes secrets unreadable in what is reported, and learns their values
	// as steps ask for them.
	Mask *mask.Mask
	// Redial finds the builder again after it was lost; nil means that it
	// cannot be.
	Redial func(context.Context) (*builder.Builder, error)
	// BuilderTimeout is how long the builder may say nothing before it counts
	// as gone; 0 is [builder.DefaultTimeout].
	BuilderTimeout time.Duration
	// ClientID tells this machine from others that use the same builder, so
	// that a folder of the same name on two machines is not taken for one.
	ClientID string
	// LookupEnv reads the variables that secrets name.
	LookupEnv func(string) (string, bool)
	// Stdout receives outputs whose destination is "-".
	Stdout io.Writer
	// Load receives an image for a Docker engine. The image is whole when
	// the writer is closed without an error.
	Load func(ctx context.Context, engine string) (io.WriteCloser, error)
	// KeepsIndex says which engines keep images of several platforms and with
	// attestations; nil is none.
	KeepsIndex func(engine string) bool
	// Loads collects the images for a Docker engine, which are then not loaded one
	// by one; nil has each loaded by itself.
	Loads *outputs.Loads
	// Credentials are those for registries; nil reads the usual docker
	// configuration.
	Credentials *registry.Credentials
	// Registry reaches registries from here; nil is one with Credentials.
	Registry *registry.Client
	// NoDefaultAttestations leaves images without provenance unless their
	// target asks for it.
	NoDefaultAttestations bool
	// ByDigest, if set, says of which registries, by their names, images are
	// pushed without their tags, which are written down in each result as
	// unpublished.
	ByDigest func(domain string) bool
	// KeepImages has a Docker Engine keep the images of targets that have no
	// outputs.
	KeepImages bool
	// Kept remembers the images that a Docker Engine keeps, and Sum is the digest of all
	// that goes into a target and what is published of it; "" if that is not known, or
	// does not say all. Without them, each image is written anew.
	Kept keptimage.Memory
	Sum  func(target string) string
	// PullFrontend has the builder pull the frontend that a Dockerfile names
	// in its syntax line, even where the linked one would do.
	PullFrontend bool
	// Contexts notes what changes in local folders while they are read; nil is
	// one that nobody asks.
	Contexts *contextfs.Watch
	// SawImage is called with the configuration that an image has for a platform,
	// by its digest; it may be nil.
	SawImage func(ref, digest, platform string, config []byte)
	// Proxies are build arguments that each target gets unless it sets them.
	Proxies map[string]string
	// Git says what is recorded of the repository that a target is built from.
	Git facts.Git
	// Provenance says how much of a target's provenance its result has beside what
	// its outputs carry.
	Provenance ProvenanceMode
	// SourcePolicy is applied to every source of every build; nil is none.
	SourcePolicy *sourcepolicy.Static
	// Frozen has builds take nothing that is pinned neither by the lock of the plan
	// nor where it is written.
	Frozen bool
	// Bundle has what builds take instead of fetching it; nil has nothing. Offline has
	// them take nothing else.
	Bundle  *bundle.Bundle
	Offline bool
	// Policy prepares what judges the sources of a target; it is asked for
	// targets with policies only.
	Policy func(context.Context, *planner.Build, sourcepolicy.Host) (*sourcepolicy.Policy, error)
}

// Solver runs plans on one builder.
type Solver struct {
	builder *builder.Builder
	opt     Options
	steps   *steps.Tracker
	opened  int
	places  outputs.Places // where outputs led when the run began
	drops   caches.Drops
}

// NewSolver returns a solver that builds on b.
func NewSolver(b *builder.Builder, opt Options) *Solver {
	if opt.Credentials == nil {
		opt.Credentials = registry.LoadCredentials("", nil)
	}
	if opt.Registry == nil {
		opt.Registry = registry.New(registry.Options{Credentials: opt.Credentials})
	}
	return &Solver{builder: b, opt: opt, steps: steps.New(steps.Options{LogDir: opt.LogDir, Mask: opt.Mask})}
}

// Open opens the anchor of the run.
func (s *Solver) Open(ctx context.Context, plan *planner.Plan, send func(runner.Event)) (runner.Session, error) {
	for _, b := range plan.Builds {
		if err := outputs.CheckSource(b, s.builder.Version); err != nil {
			return nil, fmt.Errorf("target %s: %w", b.Name(), err)
		}
	}
	r, err := s.open(ctx, plan, send)
	if err != nil {
		return nil, err
	}
	r.release = r.convertAhead(ctx)
	return r, nil
}

// open opens the anchors of a run, in which nothing is converted yet.
func (s *Solver) open(ctx context.Context, plan *planner.Plan, send func(runner.Event)) (*run, error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	if s.places == nil {
		var err error
		if s.places, err = outputs.PlacesOf(plan); err != nil {
			return nil, err
		}
	}
	r := &run{
		places:  s.places,
		opt:     s.opt,
		builder: s.builder,
		plan:    plan,
		send:    send,
		steps:   s.steps,
		targets: map[*planner.Build]*target{},
		caches:  caches.NewWatch(plan),
		drops:   &s.drops,
		facts:   facts.New(s.opt.Git, s.opt.Proxies),
		reader:  rights.NewReader(),
	}
	r.opt.SourcePolicy = sourcepolicy.Pins{
		Lock: plan.Lock, User: s.opt.SourcePolicy, Frozen: s.opt.Frozen, Bundle: s.opt.Bundle, Offline: s.opt.Offline,
	}.Policy()
	r.judged = s.opt.SourcePolicy != nil
	for _, c := range s.drops.All() {
		r.caches.Read(c, s.drops.Reason(c))
	}
	s.steps.Begin(steps.Session{Plan: plan, Send: send, Whole: r.reduced.Whole, Imported: r.caches.Imported, Unread: r.caches.Unread})
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// reach makes sure, for every session but the first, that the builder is still
// there, and looks for it anew if it is not.
func (s *Solver) reach(ctx context.Context) error {
	s.opened++
	if s.opened == 1 || s.opt.Redial == nil || s.builder.Answers(ctx) {
		return nil
	}
	b, err := s.opt.Redial(ctx)
	if err != nil {
		return &runner.Failure{
			ExitCode: -1, Fault: runner.FaultInfrastructure, Reason: "the builder cannot be reached",
			Transient: true, Lost: true, Err: err,
		}
	}
	s.builder.Replace(b)
	return nil
}

// run is one open run: a builder and the anchors on it.
type run struct {
	opt     Options
	builder *builder.Builder
	plan    *planner.Plan
	send    func(runner.Event)
	steps   *steps.Tracker
	targets map[*planner.Build]*target
	anchors []*anchor
	// moved are the anchors of targets that had to leave theirs; see rights.go.
	moved   []*anchor
	moving  sync.Mutex
	reader  *rights.Reader
	ctx     context.Context // the run's own
	caches  *caches.Watch
	drops   *caches.Drops
	lanes   *caches.Lanes
	keeper  *keeper
	unwatch func() // ends the watch over the builder
	release func() // ends the conversions ahead
	reduced frontend.Reductions
	facts   *facts.Facts
	links   sync.Map       // of *planner.Local to what its links lead to; see followed
	folders sync.Map       // of what a context sends to the modes of its folders
	places  outputs.Places // where outputs led when the run began
	judged  bool           // the user has a source policy of the environment
}

func (r *run) Builder() string { return r.builder.Name }

// open sorts the builds into anchors and opens these.
func (r *run) open(ctx context.Context) error {
	r.ctx = ctx
	r.keeper = r.newKeeper()
	if err := r.place(ctx); err != nil {
		return err
	}
	r.unwatch = r.builder.Watch(ctx, r.opt.BuilderTimeout)
	r.lanes = r.access().WatchLanes(ctx, r.plan, r.drops, r.caches.Damaged)
	for i, a := range r.anchors {
		if err := a.open(ctx); err != nil {
			for _, opened := range r.anchors[:i] {
				_ = opened.close(ctx)
			}
			r.unwatch()
			return err
		}
	}
	return nil
}

// Build converts, evaluates and exports one target.
func (r *run) Build(ctx context.Context, b *planner.Build, opt runner.BuildOptions) (*runner.Result, error) {
	ctx, end := span.Start(ctx, "target "+b.Name(), attribute.String("orch.target", b.Name()))
	until, stop := r.opt.Contexts.Until(ctx)
	res, err := r.targets[b].build(until, opt)
	stop()
	if fault := r.opt.Contexts.Fault(); fault != nil {
		res, err = nil, r.targets[b].failure(ctx, fault)
	}
	end(err)
	return res, err
}

// sendEnd sends what is known of the steps, the targets and their contexts at
// the end of a session.
func (r *run) sendEnd() {
	r.steps.End()
	var changes runner.ContextChanges
	for _, c := range r.opt.Contexts.Changes() {
		changes = append(changes, runner.ContextChange{Context: c.Dir, Path: c.Path, What: string(c.What)})
	}
	r.send(changes)
	for _, b := range r.plan.Builds {
		if t := r.targets[b]; t.measured != nil {
			t.measured.Steps = t.countSteps()
			r.send(*t.measured)
		}
	}
}

// Close writes the caches of the run, while the anchors still hold what goes
// into them, and ends the anchors.
func (r *run) Close(ctx context.Context, how runner.Ending) error {
	defer r.unwatch()
	defer r.sendEnd()
	r.release()
	sizes := r.askSizes(ctx, how)
	if ctx.Err() == nil {
		r.writeCaches(ctx, how)
		r.keeper.saveMounts(ctx)
	}
	r.keeper.release(ctx)
	records := <-sizes
	var first error
	for _, a := range slices.Concat(r.moved, r.anchors) {
		if err := a.close(ctx); err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		return fmt.Errorf("ending the run: %w", first)
	}
	if how == runner.Complete {
		r.measure(ctx, records)
	}
	r.caches.BlameUnread(ctx, r.access(), r.drops)
	if faults := r.caches.Faults(); len(faults) > 0 {
		return faults
	}
	return nil
}
