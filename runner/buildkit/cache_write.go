package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/internal/definition"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/caches"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/rights"
)

// inlineCaches returns the destinations that lie in the image itself.
func (t *target) inlineCaches() []client.CacheOptionsEntry {
	var out []client.CacheOptionsEntry
	for _, c := range t.plan.CacheTo {
		if c.Type == "inline" {
			out = append(out, t.run.access().Entry(c.Entry))
		}
	}
	return out
}

// writeCache writes one destination, of some targets, from what build returns.
// Nothing runs for it any more, so that it takes no secrets.
func (r *run) writeCache(ctx context.Context, a *anchor, c planner.Cache, shown string, builds []*planner.Build, build gateway.BuildFunc) error {
	attach, err := r.attachables(creds.NewSet())
	if err != nil {
		return err
	}
	var names, entitled []string
	for _, b := range builds {
		t := r.targets[b]
		names, entitled = append(names, b.CacheName()), append(entitled, allowed(t.held)...)
	}
	slices.Sort(names)
	slices.Sort(entitled)
	return r.lanes.Write(ctx, c, names, func(e client.CacheOptionsEntry) (map[string]string, error) {
		status, _ := r.steps.Export(shown)
		opt := client.SolveOpt{
			CacheExports:        []client.CacheOptionsEntry{e},
			Session:             attach,
			OCIStores:           a.stores,
			AllowedEntitlements: slices.Compact(entitled),
			FrontendAttrs:       map[string]string{},
			SourcePolicy:        r.opt.SourcePolicy,
			Internal:            true,
		}
		a.judge.On(&opt)
		res, err := r.builder.Build(ctx, opt, build, status)
		if err != nil {
			return nil, err
		}
		return res.ExporterResponse, nil
	})
}

// writeCaches writes the caches of all targets that are done, each by a solve
// of its own, so that a cache that cannot be written takes nothing else with
// it; if all are done, also those that the run writes once. No target is under
// way any more: a step whose result is being handed out could miss its cache.
func (r *run) writeCaches(ctx context.Context, how runner.Ending) {
	group := errgroup.Group{}
	group.SetLimit(cacheWriters)
	write := func(c planner.Cache, do func() error) {
		group.Go(func() error {
			if c.Type == "local" {
				folders.Lock()
				defer folders.Unlock()
			}
			r.caches.Wrote(ctx, c, r.inPlace(c, do))
			return nil
		})
	}
	for _, b := range r.plan.Builds {
		t := r.targets[b]
		for _, c := range b.CacheTo {
			if c.Type != "inline" && t.report != nil {
				write(c, func() error { return r.writeCache(ctx, t.anchor, c, b.Name(), []*planner.Build{b}, t.again) })
			}
		}
	}
	for _, s := range r.plan.Caches {
		// What is done is worth more to the next run than what an earlier run of
		// these targets had. A cache that is written out is replaced as a whole.
		if how == runner.Complete || s.Wired {
			write(s.Cache, func() error { return r.writeSharedCache(ctx, s) })
		}
	}
	if how == runner.Complete {
		for _, b := range r.plan.CacheImages {
			c := b.CacheTo[0]
			c.Type, c.Attrs = "registry", map[string]string{"ref": b.Target.Tags[0]}
			write(c, func() error { return r.writeImage(ctx, b) })
		}
	}
	_ = group.Wait()
}

// inPlace writes a cache; one in a folder where that led when the run began.
func (r *run) inPlace(c planner.Cache, do func() error) error {
	if c.Type != "local" {
		return do()
	}
	dest := c.Attrs["dest"]
	if err := r.places.CheckLayout(dest); err != nil {
		return err
	}
	err := do()
	if full := output.Full(caches.Place(c), dest, err); full != nil {
		return full
	}
	return err
}

// folders has caches in folders written one after the other, by the sessions of all
// builders of a run: two writers of one folder would take each other's half-written
// files away.
var folders sync.Mutex

// cacheWriters is how many caches are written at once when a run ends.
const cacheWriters = 8

// writeSharedCache writes the cache of several targets. Targets whose
// policies disagree hold their vertices apart, so that each of their sessions
// writes its own; where there is no lane to put them together, only the first
// does.
func (r *run) writeSharedCache(ctx context.Context, s *planner.SharedCache) error {
	anchors, err := r.together(ctx, s.Builds)
	if err != nil {
		return err
	}
	var errs []error
	for i, a := range anchors {
		c := s.Cache
		if i > 0 {
			if c.Lane == nil {
				break
			}
			c = numbered(c, i+1)
		}
		errs = append(errs, r.writeUnion(ctx, a, c, s.Builds))
	}
	return errors.Join(errs...)
}

// anchorsOf are the anchors of builds, in their order.
func (r *run) anchorsOf(builds []*planner.Build) []*anchor {
	var out []*anchor
	for _, b := range builds {
		if a := r.targets[b].placed; !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// numbered is a destination beside another of the same lane.
func numbered(c planner.Cache, n int) planner.Cache {
	c.Attrs = maps.Clone(c.Attrs)
	for _, k := range []string{"ref", "tag", "scope"} {
		if c.Attrs[k] != "" {
			c.Attrs[k] += "-" + strconv.Itoa(n)
		}
	}
	return c
}

// writeUnion writes what those builds have that belong to an anchor and are
// done.
func (r *run) writeUnion(ctx context.Context, a *anchor, c planner.Cache, builds []*planner.Build) error {
	var done []*planner.Build
	var defs []*pb.Definition
	for _, b := range builds {
		t := r.targets[b]
		if !slices.Contains(a.builds, b) || t.report == nil {
			continue
		}
		more, err := t.definitions(ctx)
		if err != nil {
			return err
		}
		done = append(done, b)
		defs = append(defs, more...)
	}
	if len(defs) == 0 {
		return nil
	}
	return r.writeCache(ctx, a, c, "cache", done, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		// In any other mode what is exported is what the results end with.
		if c.Attrs["mode"] != "max" || len(defs) < manyResults {
			return union(ctx, gw, defs)
		}
		def, err := definition.Merge(defs)
		if err != nil {
			return nil, err
		}
		return gw.Solve(ctx, gateway.SolveRequest{Definition: def})
	})
}

// definitions are those that the target's result was made from.
func (t *target) definitions(ctx context.Context) ([]*pb.Definition, error) {
	if t.result == nil {
		return nil, nil
	}
	return t.definitionsOf(ctx, t.result)
}

func (t *target) definitionsOf(ctx context.Context, res *gateway.Result) ([]*pb.Definition, error) {
	defs, err := t.byPlatform(ctx, res)
	return slices.DeleteFunc(defs, func(def *pb.Definition) bool { return def == nil }), err
}

// manyResults is how many results are exported as one. Fewer are exported as
// they are: that costs little, and an equal run on another builder then writes
// the same to the byte, while the time at which that one was made differs.
const manyResults = 8

// union puts several definitions into one result, so that one cache export
// covers them. A result of several references needs a name and a platform for
// each; only the names matter here.
func union(ctx context.Context, gw gateway.Client, defs []*pb.Definition) (*gateway.Result, error) {
	out := gateway.NewResult()
	var ps exptypes.Platforms
	for i, def := range defs {
		res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def})
		if err != nil {
			return nil, err
		}
		ref, err := res.SingleRef()
		if err != nil {
			return nil, err
		}
		id := strconv.Itoa(i)
		out.AddRef(id, ref)
		ps.Platforms = append(ps.Platforms, exptypes.Platform{ID: id, Platform: platforms.DefaultSpec()})
	}
	data, err := json.Marshal(ps)
	if err != nil {
		return nil, err
	}
	out.AddMeta(exptypes.ExporterPlatformsKey, data)
	return out, nil
}

// writeImage pushes a stage as an image that holds its own cache.
func (r *run) writeImage(ctx context.Context, b *planner.Build) error {
	var a *anchor
	for origin, t := range r.targets {
		// The image is that of a target, under the policies of that.
		if origin.Policies == b.Policies && maps.Equal(t.held, rights.Of(b.Target)) {
			a = t.anchor
		}
	}
	if a == nil {
		return fmt.Errorf("no session has what %s needs", b.Name())
	}
	t := newTarget(r, a, b)
	t.whole, t.forCache = true, true
	if err := t.openStores(); err != nil {
		return err
	}
	_, err := t.build(ctx, runner.BuildOptions{Evaluated: func(context.Context) error { return nil }})
	return err
}
