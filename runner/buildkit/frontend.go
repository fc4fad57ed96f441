package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	linked "github.com/moby/buildkit/frontend/dockerfile/builder"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/runner/buildkit/frontend"
)

// recorder is the gateway client that the frontend of one target sees. It
// answers with the target's own options and inputs, reads the Dockerfile from
// memory, keeps the definitions that the frontend makes, and asks the builder
// for the configuration of a base image once for all targets.
type recorder struct {
	gateway.Client
	target *target
}

func (c *recorder) BuildOpts() gateway.BuildOpts {
	opts := c.Client.BuildOpts()
	opts.Opts = maps.Clone(c.target.opts)
	return opts
}

func (c *recorder) Inputs(context.Context) (map[string]llb.State, error) {
	return c.target.inputs, nil
}

func (c *recorder) Solve(ctx context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	if file, ok := c.dockerfile(ctx, req); ok {
		res := gateway.NewResult()
		res.SetRef(file)
		return res, nil
	}
	if file, ok := c.ignoreFile(req); ok {
		res := gateway.NewResult()
		res.SetRef(file)
		return res, nil
	}
	if syntax, ok := c.target.asksForBuiltIn(req); ok {
		return nil, &linkedError{syntax}
	}
	if req.Frontend == "gateway.v0" {
		c.target.other = req.FrontendOpt["source"]
	}
	if !frontend.WantsDefinition(req) {
		return c.Client.Solve(ctx, req)
	}
	var err error
	if req.Definition, err = c.target.applied(ctx, req.Definition); err != nil {
		return nil, err
	}
	ref := frontend.NewLazyRef(c.Client, req)
	c.target.record(ref, req.Definition)
	res := gateway.NewResult()
	res.SetRef(ref)
	return res, nil
}

func (c *recorder) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	c.target.noteTag(ref)
	key := "config " + ref + resolveKey(opt)
	type answer struct {
		ref  string
		dgst digest.Digest
		data []byte
	}
	v, err := c.target.anchor.memo.Do(ctx, key, func() (any, error) {
		r, d, data, err := c.Client.ResolveImageConfig(ctx, ref, opt)
		if saw := c.target.run.opt.SawImage; saw != nil && err == nil && opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
			saw(ref, d.String(), platforms.FormatAll(*opt.ImageOpt.Platform), data)
		}
		return answer{r, d, data}, err
	})
	if err != nil {
		return "", "", nil, err
	}
	a := v.(answer)
	c.target.noteImage(ref, a.dgst, opt)
	c.target.noteTriggers(a.data)
	return a.ref, a.dgst, dockerfile.PlainTriggers(a.data), nil
}

func (c *recorder) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	c.target.noteTag(strings.TrimPrefix(op.Identifier, "docker-image://"))
	key := "source " + op.Identifier + fmt.Sprint(op.Attrs) + resolveKey(opt)
	v, err := c.target.anchor.memo.Do(ctx, key, func() (any, error) {
		return c.Client.ResolveSourceMetadata(ctx, op.CloneVT(), opt)
	})
	if err != nil {
		return nil, err
	}
	// The caller may change what it gets.
	res := *v.(*sourceresolver.MetaResponse)
	res.Op = res.Op.CloneVT()
	if res.Image != nil {
		image := *res.Image
		c.target.noteImage(strings.TrimPrefix(strings.TrimPrefix(res.Op.Identifier, "docker-image://"), "oci-layout://"), image.Digest, opt)
		c.target.noteTriggers(image.Config)
		image.Config = dockerfile.PlainTriggers(image.Config)
		res.Image = &image
	}
	return &res, nil
}

// resolveKey is equal for equal questions; the text for the log is not part of
// a question.
func resolveKey(opt sourceresolver.Opt) string {
	opt.LogName = ""
	data, err := json.Marshal(opt)
	if err != nil {
		return fmt.Sprintf(" %p", &opt) // equal to none
	}
	return " " + string(data)
}

// dockerfile answers the frontend's request for the Dockerfile, which is in
// memory: what is built is what was planned, and only what the target needs of
// it is converted.
func (c *recorder) dockerfile(ctx context.Context, req gateway.SolveRequest) (*frontend.File, bool) {
	input, ok := c.target.inputs["dockerfile"]
	if !ok || c.target.plan.Dockerfile == nil || req.Definition == nil || len(req.Definition.Def) == 0 {
		return nil, false
	}
	opts := c.Client.BuildOpts()
	def, err := input.Marshal(ctx, llb.WithCaps(opts.Caps))
	if err != nil {
		return nil, false
	}
	if !slices.EqualFunc(def.Def, req.Definition.Def, slices.Equal[[]byte]) {
		return nil, false
	}
	d := c.target.plan.Dockerfile
	return &frontend.File{Name: d.Filename, Data: c.target.dockerfile(d), State: input}, true
}

// record keeps the definition of a reference.
func (t *target) record(ref gateway.Reference, def *pb.Definition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.defs[ref] = def
}

// linkedError stops the linked frontend where it asks the builder for the one
// that a Dockerfile of a remote context names, which is known only once the
// frontend has read it, if the linked one stands for it.
type linkedError struct{ syntax string }

func (e *linkedError) Error() string { return "the frontend " + e.syntax + " is the linked one" }

// linked has the linked frontend read the target.
func (t *target) linked(ctx context.Context) (*gateway.Result, error) {
	c := &recorder{Client: t.anchor.gateway, target: t}
	res, err := linked.Build(ctx, c)
	var own *linkedError
	if errors.As(err, &own) {
		t.opts["cmdline"] = own.syntax // keeps every frontend from asking
		return linked.Build(ctx, c)
	}
	return res, err
}

// asksForBuiltIn says whether a request of the linked frontend is for one that
// the linked one stands for.
func (t *target) asksForBuiltIn(req gateway.SolveRequest) (syntax string, ok bool) {
	if req.Frontend != "gateway.v0" || t.plan.Dockerfile != nil || t.run.opt.PullFrontend {
		return "", false
	}
	syntax = req.FrontendOpt["cmdline"]
	return syntax, frontend.BuiltIn(syntax)
}

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
