package buildkit

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// lazyRef is a reference that the builder learns of when it is first used. A
// frontend names the definition of a target's result long before anything has
// to be run; to name and to evaluate it at once saves a request for
// each target.
type lazyRef struct {
	client gateway.Client
	req    gateway.SolveRequest

	mu   sync.Mutex
	real gateway.Reference
	err  error
}

// wantsDefinition says whether a request is for the result of a definition,
// and for nothing that would have to be answered now.
func wantsDefinition(req gateway.SolveRequest) bool {
	return req.Definition != nil && len(req.Definition.Def) > 0 && req.Frontend == "" && !req.Evaluate
}

// ask names the definition to the builder, once, and has it evaluated if that
// is wanted.
func (r *lazyRef) ask(ctx context.Context, evaluate bool) (gateway.Reference, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.real != nil || r.err != nil {
		return r.real, r.err
	}
	req := r.req
	req.Evaluate = evaluate
	res, err := r.client.Solve(ctx, req)
	if err == nil {
		r.real, err = res.SingleRef()
	}
	if ctx.Err() == nil {
		r.err = err
	}
	return r.real, err
}

// known is the builder's own reference, if it has been asked.
func (r *lazyRef) known() gateway.Reference {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.real
}

// files is the builder's own reference, to read from.
func (r *lazyRef) files(ctx context.Context) (gateway.Reference, error) {
	ref, err := r.ask(ctx, false)
	if err == nil && ref == nil {
		err = errNoFile
	}
	return ref, err
}

func (r *lazyRef) Evaluate(ctx context.Context) error {
	if ref := r.known(); ref != nil {
		return ref.Evaluate(ctx)
	}
	_, err := r.ask(ctx, true)
	return err
}

func (r *lazyRef) ToState() (llb.State, error) {
	return definitionState(r.req.Definition)
}

func (r *lazyRef) ReadFile(ctx context.Context, req gateway.ReadRequest) ([]byte, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.ReadFile(ctx, req)
}

func (r *lazyRef) StatFile(ctx context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.StatFile(ctx, req)
}

func (r *lazyRef) ReadDir(ctx context.Context, req gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	ref, err := r.files(ctx)
	if err != nil {
		return nil, err
	}
	return ref.ReadDir(ctx, req)
}

// definitionState is the state that a definition describes.
func definitionState(def *pb.Definition) (llb.State, error) {
	op, err := llb.NewDefinitionOp(def)
	if err != nil {
		return llb.State{}, err
	}
	return llb.NewState(op), nil
}
