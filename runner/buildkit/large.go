package buildkit

import (
	"context"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/orch-build/orch/planner/dockerfile"
)

// large says whether the builder's own frontend is to read the target, because
// that takes much memory.
func (t *target) large() bool {
	return !t.foreign() && t.plan.Dockerfile != nil && dockerfile.Large(t.plan.Dockerfile.Data) &&
		dockerfile.Large(t.dockerfile(t.plan.Dockerfile))
}

// convertLarge has the builder's own frontend read a large target. What triggers
// of its base images need is not known beforehand, so it gets everything.
func (t *target) convertLarge(ctx context.Context) (*gateway.Result, error) {
	t.whole = true
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	if l := t.plan.Context; l != nil && l.Paths != nil {
		wide := *l
		wide.Paths = nil
		t.inputs["context"] = t.run.localState(&wide, t.anchor.session.ID(), t.group(), contextName)
	}
	return t.ask(ctx, t.anchor.gateway, builderFrontend, t.opts)
}
