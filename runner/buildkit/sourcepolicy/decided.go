package sourcepolicy

import (
	"context"
	"maps"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"
)

// Decisions are what was decided about sources, by what tells them apart.
type Decisions map[string]*policysession.DecisionResponse

// Decided returns what a policy has decided. Nothing that it denied is in a
// result, so that this is left out.
func (j *Arbiter) Decided() Decisions {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := maps.Clone(j.decisions)
	maps.DeleteFunc(out, func(_ string, d *policysession.DecisionResponse) bool { return d.GetAction() == spb.PolicyAction_DENY })
	return out
}

// Trust decides about the sources of definitions that are under no policy: each of
// them is what it is.
func Trust(defs []*pb.Definition) (Decisions, error) {
	out := Decisions{}
	for _, def := range defs {
		for _, dt := range def.Def {
			var op pb.Op
			if err := op.UnmarshalVT(dt); err != nil {
				return nil, err
			}
			if src := op.GetSource(); src != nil {
				out[sourceKey(src, op.Platform)] = &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}
			}
		}
	}
	return out, nil
}

// Merge returns the decisions of two, or false if they differ about a source.
func (d Decisions) Merge(others Decisions) (Decisions, bool) {
	out := maps.Clone(d)
	for key, theirs := range others {
		if have, ok := out[key]; ok && !sameDecision(have, theirs) {
			return nil, false
		}
		out[key] = theirs
	}
	return out, true
}

func sameDecision(a, b *policysession.DecisionResponse) bool {
	return a.GetAction() == b.GetAction() && a.GetUpdate().EqualVT(b.GetUpdate())
}

// Replay returns an arbiter that decides as was decided before. Any other source
// is allowed: what it is asked about has been judged, and is there.
func Replay(decisions Decisions, proxyNetwork bool) *Arbiter {
	return &Arbiter{
		policy:    &Policy{ProxyNetwork: proxyNetwork, Check: allowAll},
		decisions: decisions, denials: map[string]*Denial{},
	}
}

func allowAll(context.Context, *policysession.CheckPolicyRequest) (*policysession.DecisionResponse, *gatewaypb.ResolveSourceMetaRequest, error) {
	return &policysession.DecisionResponse{Action: spb.PolicyAction_ALLOW}, nil, nil
}

// Proxies says whether the policy wants to judge what steps fetch.
func (j *Arbiter) Proxies() bool { return j != nil && j.policy.ProxyNetwork }
