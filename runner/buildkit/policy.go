package buildkit

import (
	"context"
	"errors"
	"fmt"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/sourcepolicy/policysession"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
)

// underPolicy says whether the builder has to be asked about a target, because
// a policy judges what is looked at.
func underPolicy(b *planner.Build) bool {
	return !b.Policies.Empty() || b.Policies != nil && (b.Policies.Unseen != "" || b.Policies.Lost != nil)
}

// judgeOf returns what judges a target, or nil.
func (r *run) judgeOf(ctx context.Context, t *target) (*sourcepolicy.Arbiter, error) {
	b := t.plan
	if t.lost() != nil {
		return nil, nil // which ends it before anything is asked
	}
	if b.Policies.Empty() {
		if b.Policies != nil && b.Policies.Unseen != "" {
			return nil, fmt.Errorf("nobody has looked for the policy %s in its context", b.Policies.Unseen)
		}
		return nil, nil
	}
	if r.opt.Policy == nil {
		return nil, errors.New("there is nothing here that evaluates its policies")
	}
	p, err := r.opt.Policy(ctx, b, sourcepolicy.Host{
		Client: r.builder.Client(), Platform: r.builder.Own,
		Session: func() ([]session.Attachable, error) {
			return r.attachables(creds.Of(b.Target))
		},
		Log: func(source string) (func(string), func(bool)) {
			return r.steps.Decision(sourcepolicy.Shown(source))
		},
	})
	if err != nil {
		return nil, err
	}
	return sourcepolicy.New(p, b), nil
}

// lost is why nothing is known of the policies of the target, or nil.
func (t *target) lost() error {
	if t.plan.Policies == nil {
		return nil
	}
	return t.plan.Policies.Lost
}

// judgeRead has the target's policy judge what orch reads itself: bake's
// frontend is sent the Dockerfile and the ignore file, and asks about them.
func (t *target) judgeRead(ctx context.Context) error {
	j := t.anchor.judge
	if j == nil || t.foreign() {
		return nil
	}
	var names []string
	if t.plan.Dockerfile != nil {
		names = append(names, frontend.DockerfileMount)
	}
	if t.plan.Context != nil {
		names = append(names, frontend.ContextMount)
	}
	for _, name := range names {
		id := "local://" + name
		d, _, err := j.Check(ctx, &policysession.CheckPolicyRequest{
			Source: &gatewaypb.ResolveSourceMetaResponse{Source: &pb.SourceOp{Identifier: id}},
		})
		if err != nil {
			return err
		}
		if d.GetAction() == spb.PolicyAction_DENY {
			return j.Denial(id)
		}
	}
	return nil
}
