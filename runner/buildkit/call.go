package buildkit

import (
	"context"
	"fmt"
	"maps"
	"strings"

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
	r, err := s.open(ctx, plan, send)
	if err != nil {
		return nil, err
	}
	defer r.unwatch()
	out := map[*planner.Build]*answer.Answer{}
	for _, b := range builds {
		a := &answer.Answer{Method: method(b), Build: b, Judged: r.targets[b].anchor.judge.Judged}
		a.Fields, a.Err = r.targets[b].call(ctx, a.Method)
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
