package buildkit

import (
	"context"
	"strings"

	"github.com/moby/buildkit/client/llb/imagemetaresolver"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/buildkit/answer"
	"github.com/orch-build/orch/runner/buildkit/caches"
	"github.com/orch-build/orch/runner/buildkit/facts"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// Question is one about the builds of a plan, for the frontend that is linked in.
type Question struct {
	Plan   *planner.Plan
	Builds []*planner.Build
	// Method says what is asked about a build.
	Method func(*planner.Build) string
	// Registries says that the configuration of base images is read from their
	// registries, without credentials; else that is left to a builder.
	Registries bool
}

// Ask is Call without a builder: the frontend that is linked in is asked here. It
// returns the answers that it has; a build whose answer depends on what only a
// builder can do, such as to run another frontend or to fetch a Dockerfile,
// has none.
func (q *Question) Ask(ctx context.Context, opt Options) (map[*planner.Build]*answer.Answer, error) {
	s, err := session.NewSession(ctx, "orch-"+opt.ClientID)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &run{opt: opt, plan: q.Plan, targets: map[*planner.Build]*target{}, caches: caches.NewWatch(q.Plan), drops: &caches.Drops{}, facts: facts.New(opt.Git, opt.Proxies)}
	a := newAnchor(r)
	a.session = s
	a.memo.AnswersOnly = true
	a.files = a
	out := map[*planner.Build]*answer.Answer{}
	for _, b := range q.Builds {
		t := newTarget(r, a, b)
		if t.foreign() || t.openStores() != nil || underPolicy(b) {
			continue
		}
		client := &frontend.Offline{}
		if q.Registries {
			client.Images = imagemetaresolver.Default()
		}
		a.gateway = client
		asked := &answer.Answer{Method: q.Method(b), Build: b}
		asked.Fields, asked.Err = t.call(ctx, asked.Method)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !client.Missed() {
			out[b] = asked
		}
	}
	return out, nil
}

// ignoreFile answers the frontend's request for the ignore file of the main
// context, which it makes when it only looks: the patterns are in the plan.
func (c *recorder) ignoreFile(req gateway.SolveRequest) (*frontend.File, bool) {
	l := c.target.plan.Context
	if !c.target.asked || l == nil || req.Definition == nil {
		return nil, false
	}
	for _, dt := range req.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return nil, false
		}
		if src := op.GetSource(); src != nil && src.Identifier == "local://"+dockerui.DefaultLocalNameContext {
			return &frontend.File{Name: dockerui.DefaultDockerignoreName, Data: []byte(strings.Join(l.Excludes, "\n"))}, true
		}
	}
	return nil, false
}
