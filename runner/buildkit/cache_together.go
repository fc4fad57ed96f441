package buildkit

import (
	"context"
	"maps"
	"slices"

	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
)

// together are the anchors of builds, in their order, with those made one that
// a single solve can write the cache of: their policies have not decided
// differently about a source.
func (r *run) together(ctx context.Context, builds []*planner.Build) ([]*anchor, error) {
	var out []*anchor
	for _, a := range r.anchorsOf(builds) {
		done := false
		for i, have := range out {
			one, err := r.join(ctx, have, a)
			if err != nil {
				return nil, err
			}
			if one != nil {
				out[i], done = one, true
				break
			}
		}
		if !done {
			out = append(out, a)
		}
	}
	return out, nil
}

// join makes one of two anchors, or nil if that cannot be. It is not opened:
// what it holds is held by the two.
func (r *run) join(ctx context.Context, a, b *anchor) (*anchor, error) {
	j, agree, err := r.replay(ctx, a, b)
	if err != nil || !agree {
		return nil, err
	}
	one := newAnchor(r)
	one.judge = j
	one.builds = slices.Concat(a.builds, b.builds)
	maps.Copy(one.stores, a.stores)
	maps.Copy(one.stores, b.stores)
	return one, nil
}

// replay is a policy that decides as those of two anchors have decided, if they
// agree.
func (r *run) replay(ctx context.Context, a, b *anchor) (j *sourcepolicy.Arbiter, agree bool, err error) {
	if a.judge == nil && b.judge == nil {
		return nil, true, nil
	}
	if a.judge.Proxies() != b.judge.Proxies() {
		return nil, false, nil
	}
	ours, err := r.decided(ctx, a)
	if err != nil {
		return nil, false, err
	}
	theirs, err := r.decided(ctx, b)
	if err != nil {
		return nil, false, err
	}
	decisions, agree := ours.Merge(theirs)
	if !agree {
		return nil, false, nil
	}
	return sourcepolicy.Replay(decisions, a.judge.Proxies()), true, nil
}

// decided is what has been decided about the sources of an anchor: by its
// policy, or, without one, that each of them is what it is.
func (r *run) decided(ctx context.Context, a *anchor) (sourcepolicy.Decisions, error) {
	if a.judge != nil {
		return a.judge.Decided(), nil
	}
	var all []*pb.Definition
	for _, b := range a.builds {
		defs, err := r.targets[b].definitions(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, defs...)
	}
	return sourcepolicy.Trust(all)
}
