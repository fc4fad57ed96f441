package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	fstypes "github.com/tonistiigi/fsutil/types"
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
		return nil, &builtInError{syntax}
	}
	if !wantsDefinition(req) {
		return c.Client.Solve(ctx, req)
	}
	ref := &lazyRef{client: c.Client, req: req}
	c.target.record(ref, req.Definition)
	res := gateway.NewResult()
	res.SetRef(ref)
	return res, nil
}

func (c *recorder) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	key := "config " + ref + resolveKey(opt)
	type answer struct {
		ref  string
		dgst digest.Digest
		data []byte
	}
	v, err := c.target.anchor.memo.do(ctx, key, func() (any, error) {
		r, d, data, err := c.Client.ResolveImageConfig(ctx, ref, opt)
		if saw := c.target.run.opt.SawImage; saw != nil && err == nil && opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
			saw(d.String(), platforms.FormatAll(*opt.ImageOpt.Platform), data)
		}
		return answer{r, d, data}, err
	})
	if err != nil {
		return "", "", nil, err
	}
	a := v.(answer)
	c.target.noteImage(ref, a.dgst, opt)
	c.target.noteTriggers(a.data)
	return a.ref, a.dgst, plainTriggers(a.data), nil
}

func (c *recorder) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	key := "source " + op.Identifier + fmt.Sprint(op.Attrs) + resolveKey(opt)
	v, err := c.target.anchor.memo.do(ctx, key, func() (any, error) {
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
		image.Config = plainTriggers(image.Config)
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
func (c *recorder) dockerfile(ctx context.Context, req gateway.SolveRequest) (*memoryRef, bool) {
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
	return &memoryRef{name: d.Filename, data: c.target.dockerfile(d), state: input}, true
}

// record keeps the definition of a reference.
func (t *target) record(ref gateway.Reference, def *pb.Definition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.defs[ref] = def
}

// memoryRef is a reference to a file system with one file.
type memoryRef struct {
	name  string
	data  []byte
	state llb.State
}

var errNoFile = errors.New("no such file")

func (r *memoryRef) ToState() (llb.State, error)    { return r.state, nil }
func (r *memoryRef) Evaluate(context.Context) error { return nil }

func (r *memoryRef) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	if strings.TrimPrefix(req.Filename, "/") != r.name {
		return nil, errNoFile
	}
	return r.data, nil
}

func (r *memoryRef) StatFile(context.Context, gateway.StatRequest) (*fstypes.Stat, error) {
	return nil, errNoFile
}

func (r *memoryRef) ReadDir(context.Context, gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	return nil, errNoFile
}

// memo asks each question once, however many targets have it.
type memo struct {
	// answersOnly is true if a question that failed is to be asked again.
	answersOnly bool

	mu      sync.Mutex
	answers map[string]*memoAnswer
}

type memoAnswer struct {
	done  chan struct{}
	value any
	err   error
	// missed is true if whoever asked did not wait for the answer.
	missed bool
}

func (m *memo) do(ctx context.Context, key string, ask func() (any, error)) (any, error) {
	for {
		a, first := m.entry(key)
		if first {
			a.value, a.err = ask()
			m.settle(ctx, key, a)
			return a.value, a.err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !a.missed {
			return a.value, a.err
		}
	}
}

// entry is the answer to a question, and whether the caller has to find it.
func (m *memo) entry(key string) (a *memoAnswer, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.answers[key]; ok {
		return a, false
	}
	if m.answers == nil {
		m.answers = map[string]*memoAnswer{}
	}
	a = &memoAnswer{done: make(chan struct{})}
	m.answers[key] = a
	return a, true
}

// settle hands an answer to those who wait for it. One that is missing only
// because the caller gave up is forgotten before.
func (m *memo) settle(ctx context.Context, key string, a *memoAnswer) {
	a.missed = a.err != nil && ctx.Err() != nil
	if a.missed || a.err != nil && m.answersOnly {
		m.mu.Lock()
		delete(m.answers, key)
		m.mu.Unlock()
	}
	close(a.done)
}
