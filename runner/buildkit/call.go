package buildkit

import (
	"context"
	"fmt"
	"maps"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/answer"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// Call asks the frontend about each build instead of building it: method is
// one of its requests, such as "lint", "outline" or "targets". Nothing is
// built, and nothing converted ahead; the builder is asked for the configuration
// of base images and for ignore files only. send is called with what happens,
// from any goroutine.
func (s *Solver) Call(ctx context.Context, plan *planner.Plan, builds []*planner.Build, method func(*planner.Build) string, send func(runner.Event)) (map[*planner.Build]*answer.Answer, error) {
	out := map[*planner.Build]*answer.Answer{}
	err := s.ask(ctx, plan, builds, send, func(t *target) {
		a := &answer.Answer{Method: method(t.plan), Build: t.plan, Judged: t.anchor.judge.Judged}
		a.Fields, a.Err = t.call(ctx, a.Method)
		if ctx.Err() == nil {
			out[t.plan] = a
		}
	})
	return out, err
}

// ask opens a run in which nothing is built, and calls each for the targets of builds,
// one after the other.
func (s *Solver) ask(ctx context.Context, plan *planner.Plan, builds []*planner.Build, send func(runner.Event), each func(*target)) error {
	r, err := s.open(ctx, plan, send)
	if err != nil {
		return err
	}
	defer r.unwatch()
	for _, b := range builds {
		if ctx.Err() != nil {
			break
		}
		each(r.targets[b])
	}
	for _, a := range r.anchors {
		if cerr := a.close(ctx); cerr != nil && err == nil {
			err = cerr
		}
	}
	return err
}

// Made is what a frontend makes of a target.
type Made struct {
	// Definitions are those of its platforms. What is in them of other targets is left
	// out.
	Definitions []*pb.Definition
	// Tags are the images that the frontend has asked for by a tag. They are not known
	// of a frontend that the builder runs, whose Tags are nil.
	Tags map[string]bool
	// Frontend is the image of a frontend that a remote Dockerfile names; "" is none.
	Frontend string
	Err      error
}

// Definitions has the frontends of builds make their definitions, and builds
// nothing. Sources are in them as they are written, apart from the digests of images.
func (s *Solver) Definitions(ctx context.Context, plan *planner.Plan, builds []*planner.Build, send func(runner.Event)) (map[*planner.Build]*Made, error) {
	out := map[*planner.Build]*Made{}
	err := s.ask(ctx, plan, builds, send, func(t *target) { out[t.plan] = t.made(ctx) })
	return out, err
}

// made asks for the definitions of the target.
func (t *target) made(ctx context.Context) *Made {
	t.asked, t.whole = true, true
	out := &Made{}
	if out.Err = t.prepare(ctx); out.Err == nil {
		out.Err = t.judgeRead(ctx)
	}
	if out.Err != nil {
		return out
	}
	var res *gateway.Result
	switch {
	case t.foreign():
		res, out.Err = t.askForeign(ctx, &recorder{Client: t.anchor.gateway, target: t})
	case t.large():
		res, out.Err = t.convertLarge(ctx)
	default:
		res, out.Err = t.linked(ctx)
		if out.Tags, out.Frontend = t.tags, t.other; t.other != "" {
			out.Tags = nil
		}
	}
	if out.Err == nil {
		out.Definitions, out.Err = t.definitionsOf(ctx, res)
	}
	out.Err = t.anchor.judge.Judged(out.Err)
	return out
}

// call asks the frontend that is linked in; one that the Dockerfile names
// otherwise is asked by it.
func (t *target) call(ctx context.Context, method string) (map[string][]byte, error) {
	t.asked, t.whole = true, true
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	if err := t.judgeRead(ctx); err != nil {
		return nil, err
	}
	t.opts = maps.Clone(t.opts)
	t.opts["requestid"] = requestID(method)
	t.opts["frontend.caps"] = "moby.buildkit.frontend.subrequests"
	res, err := t.linked(ctx)
	if err != nil {
		return nil, t.anchor.judge.Judged(err)
	}
	if len(res.Metadata) == 0 {
		return nil, fmt.Errorf("the frontend knows no %q", method)
	}
	return res.Metadata, nil
}

// requestID is the name of a request, which may be written without "frontend."
// in front.
func requestID(method string) string {
	return "frontend." + strings.TrimPrefix(method, "frontend.")
}

// stubLink puts an empty file system in the place of the result of a linked
// target, which is not there when nothing is built.
func (t *target) stubLink(name string) {
	key := "target:" + name
	t.inputs[key] = frontend.EmptyState()
	t.opts["context:"+name] = "input:" + key
}
