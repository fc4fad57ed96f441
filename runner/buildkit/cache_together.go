package buildkit

import (
	"context"
	"maps"
	"slices"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"

	"github.com/orch-build/orch/planner"
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
// agree. What it is asked about has been judged, and is there.
func (r *run) replay(ctx context.Context, a, b *anchor) (j *arbiter, agree bool, err error) {
	if a.judge == nil && b.judge == nil {
		return nil, true, nil
	}
	if a.judge.proxies() != b.judge.proxies() {
		return nil, false, nil
	}
	decisions, err := r.decided(ctx, a)
	if err != nil {
		return nil, false, err
	}
	theirs, err := r.decided(ctx, b)
	if err != nil {
		return nil, false, err
	}
	for key, d := range theirs {
		if have, ok := decisions[key]; ok && !sameDecision(have, d) {
			return nil, false, nil
		}
		decisions[key] = d
	}
	return &arbiter{
		policy:    &Policy{ProxyNetwork: a.judge.proxies(), Check: allowAll},
		decisions: decisions, denials: map[string]*Denial{},
	}, true, nil
}

func allowAll(context.Context, *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
	return &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}, nil, nil
}

// decided is what has been decided about the sources of an anchor: by its
// policy, or, without one, that each of them is what it is. Nothing that was
// denied is in a result.
func (r *run) decided(ctx context.Context, a *anchor) (map[string]*policysession.DecisionResponse, error) {
	out := map[string]*policysession.DecisionResponse{}
	if a.judge != nil {
		a.judge.mu.Lock()
		defer a.judge.mu.Unlock()
		maps.Copy(out, a.judge.decisions)
		maps.DeleteFunc(out, func(_ string, d *policysession.DecisionResponse) bool { return d.GetAction() == spb.PolicyAction_DENY })
		return out, nil
	}
	for _, b := range a.builds {
		defs, err := r.targets[b].definitions(ctx)
		if err != nil {
			return nil, err
		}
		for _, def := range defs {
			if err := eachSource(def, func(op *pb.SourceOp, platform *pb.Platform) {
				out[sourceKey(op, platform)] = &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}
			}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// eachSource goes through the sources of a definition.
func eachSource(def *pb.Definition, do func(*pb.SourceOp, *pb.Platform)) error {
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return err
		}
		if src := op.GetSource(); src != nil {
			do(src, op.Platform)
		}
	}
	return nil
}

func sameDecision(a, b *policysession.DecisionResponse) bool {
	return a.GetAction() == b.GetAction() && a.GetUpdate().EqualVT(b.GetUpdate())
}

// proxies says whether the policy wants to judge what steps fetch.
func (j *arbiter) proxies() bool { return j != nil && j.policy.ProxyNetwork }
