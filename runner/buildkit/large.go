package buildkit

import (
	"bytes"
	"context"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// maxConverted is how much a Dockerfile may come to that is converted on this
// side, in lines times stages. BuildKit's frontend keeps for each stage all that
// the stages below it have set, so that a long chain takes a square of memory.
// That is the builder's business, which has the cache of it too.
const maxConverted = 2_000_000

// large says whether the builder's own frontend is to read the target, because
// that takes much memory.
func (t *target) large() bool {
	if t.foreign() || t.plan.Dockerfile == nil || len(t.plan.Dockerfile.Data) < maxConverted/1000 {
		return false
	}
	text := t.dockerfile(t.plan.Dockerfile)
	stages := 0
	for line := range bytes.Lines(text) {
		if word, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); bytes.EqualFold(word, []byte("FROM")) {
			stages++
		}
	}
	return stages*bytes.Count(text, []byte("\n")) > maxConverted
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
