package buildkit

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/imagemetaresolver"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/bklog"
	digest "github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/planner"
)

// Ask is Call without a builder: the frontend that is linked in is asked here. It
// returns the answers that it has; a build whose answer depends on what only a
// builder can do, such as to run another frontend or to fetch a Dockerfile,
// has none. With registries, the configuration of base images is read from
// their registries, without credentials; else that too is left to a builder.
func Ask(ctx context.Context, plan *planner.Plan, builds []*planner.Build, method func(*planner.Build) string, opt Options, registries bool) (map[*planner.Build]*Answer, error) {
	s, err := session.NewSession(ctx, "orch-"+opt.ClientID)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &run{opt: opt, plan: plan, targets: map[*planner.Build]*target{}, caches: newCacheWatch(plan), drops: &drops{}}
	a := newAnchor(r)
	a.session = s
	a.memo.answersOnly = true
	a.files = a
	out := map[*planner.Build]*Answer{}
	for _, b := range builds {
		t := newTarget(r, a, b)
		if t.foreign() || t.openStores() != nil || underPolicy(b) {
			continue
		}
		client := &offline{}
		if registries {
			client.images = imagemetaresolver.Default()
		}
		a.gateway = client
		answer := &Answer{Method: method(b), build: b}
		answer.fields, answer.Err = t.call(ctx, answer.Method)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !client.missed.Load() {
			out[b] = answer
		}
	}
	return out, nil
}

// offline is the gateway client where there is no builder. It knows no more
// than what every builder has.
type offline struct {
	images llb.ImageMetaResolver // nil for none
	missed atomic.Bool           // a builder was needed
}

var errNoBuilder = errors.New("only a builder can say this")

func (c *offline) miss() error {
	c.missed.Store(true)
	return errNoBuilder
}

func (c *offline) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts:    map[string]string{},
		LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
		Caps:    gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
	}
}

func (c *offline) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if c.images == nil || opt.OCILayoutOpt != nil {
		return "", "", nil, c.miss()
	}
	// A builder may have what this machine has not: credentials, mirrors, a way
	// through the network. What the registry refused goes to no log either.
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	ref, dgst, data, err := c.images.ResolveImageConfig(bklog.WithLogger(ctx, logrus.NewEntry(quiet)), ref, opt)
	if err != nil {
		c.missed.Store(true)
	}
	return ref, dgst, data, err
}

func (c *offline) ResolveSourceMetadata(context.Context, *pb.SourceOp, sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	return nil, c.miss()
}

func (c *offline) Solve(context.Context, gateway.SolveRequest) (*gateway.Result, error) {
	return nil, c.miss()
}

func (c *offline) Inputs(context.Context) (map[string]llb.State, error) { return nil, nil }

func (c *offline) NewContainer(context.Context, gateway.NewContainerRequest) (gateway.Container, error) {
	return nil, c.miss()
}

func (c *offline) Warn(context.Context, digest.Digest, string, gateway.WarnOpts) error { return nil }

// ignoreFile answers the frontend's request for the ignore file of the main
// context, which it makes when it only looks: the patterns are in the plan.
func (c *recorder) ignoreFile(req gateway.SolveRequest) (*memoryRef, bool) {
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
			return &memoryRef{name: dockerui.DefaultDockerignoreName, data: []byte(strings.Join(l.Excludes, "\n"))}, true
		}
	}
	return nil, false
}
