package buildkit

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
)

// Call asks the frontend about each build instead of building it: method is
// one of its requests, such as "lint", "outline" or "targets". Nothing is
// built, and nothing converted ahead; the builder is asked for the configuration
// of base images and for ignore files only. send is called with what happens,
// from any goroutine.
func (s *Solver) Call(ctx context.Context, plan *planner.Plan, builds []*planner.Build, method func(*planner.Build) string, send func(runner.Event)) (map[*planner.Build]*Answer, error) {
	r, err := s.open(ctx, plan, send)
	if err != nil {
		return nil, err
	}
	defer r.unwatch()
	out := map[*planner.Build]*Answer{}
	for _, b := range builds {
		a := &Answer{Method: method(b), build: b, judge: r.targets[b].anchor.judge}
		a.fields, a.Err = r.targets[b].call(ctx, a.Method)
		if ctx.Err() != nil {
			break
		}
		out[b] = a
	}
	for _, a := range r.anchors {
		if cerr := a.close(ctx); cerr != nil && err == nil {
			err = cerr
		}
	}
	return out, err
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
		return nil, t.anchor.judge.judged(err)
	}
	if len(res.Metadata) == 0 {
		return nil, fmt.Errorf("the frontend knows no %q", method)
	}
	return res.Metadata, nil
}

// emptyState is an empty file system like [llb.Scratch], but one with a
// definition: a frontend on the builder can be handed nothing else.
func emptyState() llb.State {
	return llb.NewState(llb.NewDiff(llb.Scratch(), llb.Scratch(), llb.Constraints{}).Output())
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
	t.inputs[key] = emptyState()
	t.opts["context:"+name] = "input:" + key
}
