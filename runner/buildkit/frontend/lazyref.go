package frontend

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// LazyRef is a reference that the builder learns of when it is first used. A
// frontend names the definition of a target's result long before anything has
// to be run; to name and to evaluate it at once saves a request for
// each target.
type LazyRef struct {
	client gateway.Client
	req    gateway.SolveRequest

	mu   sync.Mutex
	real gateway.Reference
	err  error
}

// NewLazyRef returns a reference to the result of a request.
func NewLazyRef(client gateway.Client, req gateway.SolveRequest) *LazyRef {
	return &LazyRef{client: client, req: req}
}

// CacheImports are the cache sources of the request.
func (r *LazyRef) CacheImports() []gateway.CacheOptionsEntry { return r.req.CacheImports }

// WantsDefinition says whether a request is for the result of a definition,
// and for nothing that would have to be answered now.
func WantsDefinition(req gateway.SolveRequest) bool {
	return req.Definition != nil && len(req.Definition.Def) > 0 && req.Frontend == "" && !req.Evaluate
}

// ask names the definition to the builder, once.
func (r *LazyRef) ask(ctx context.Context, req gateway.SolveRequest) (gateway.Reference, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.real != nil || r.err != nil {
		return r.real, r.err
	}
	res, err := r.client.Solve(ctx, req)
	if err == nil {
		r.real, err = res.SingleRef()
	}
	if ctx.Err() == nil {
		r.err = err
	}
	return r.real, err
}

// Known is the builder's own reference, if it has been asked.
func (r *LazyRef) Known() gateway.Reference {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.real
}

// files is the builder's own reference, to read from.
func (r *LazyRef) files(ctx context.Context) (gateway.Reference, error) {
	ref, err := r.ask(ctx, r.req)
	if err == nil && ref == nil {
		err = errNoFile
	}
	return ref, err
}

// Evaluate has the builder make the result.
func (r *LazyRef) Evaluate(ctx context.Context) error {
	if ref := r.Known(); ref != nil {
		return ref.Evaluate(ctx)
	}
	now := r.req
	now.Evaluate = true
	_, err := r.ask(ctx, now)
	return err
}

// ToState returns the state that the definition describes.
func (r *LazyRef) ToState() (llb.State, error) {
	return DefinitionState(r.req.Definition)
}

// ReadFile reads a file of the result.
func (r *LazyRef) ReadFile(ctx context.Context, req gateway.ReadRequest) ([]byte, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.ReadFile(ctx, req)
}

// StatFile says what a file of the result is.
func (r *LazyRef) StatFile(ctx context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.StatFile(ctx, req)
}

// ReadDir lists a folder of the result.
func (r *LazyRef) ReadDir(ctx context.Context, req gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.ReadDir(ctx, req)
}
