package buildkittest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	fstypes "github.com/tonistiigi/fsutil/types"
)

func newReader(data []byte) io.Reader { return bytes.NewReader(data) }

// gatewayClient is the gateway of one Build.
type gatewayClient struct {
	client  *Client
	status  chan *client.SolveStatus
	reports sync.WaitGroup
	id      string
}

// BuildOpts are those of a daemon that can do everything.
func (g *gatewayClient) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts: map[string]string{}, SessionID: g.id, Product: "orch",
		Workers: []gateway.WorkerInfo{{Platforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}}}},
		LLBCaps: pb.Caps.CapSet(pb.Caps.All()), Caps: gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
	}
}

// Inputs are none.
func (g *gatewayClient) Inputs(context.Context) (map[string]llb.State, error) { return nil, nil }

// Warn does nothing.
func (g *gatewayClient) Warn(context.Context, digest.Digest, string, gateway.WarnOpts) error {
	return nil
}

// Solve makes a reference of a definition. The one frontend is that of
// Dockerfiles.
func (g *gatewayClient) Solve(ctx context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	switch req.Frontend {
	case "":
	case "dockerfile.v0":
		return dockerfile.Build(ctx, &frontend{g, req})
	default:
		return nil, fmt.Errorf("the daemon has no frontend %q", req.Frontend)
	}
	res := gateway.NewResult()
	if req.Definition == nil || len(req.Definition.Def) == 0 {
		return res, nil
	}
	ref := &reference{g, req.Definition}
	res.SetRef(ref)
	if req.Evaluate {
		return res, ref.Evaluate(ctx)
	}
	return res, nil
}

// frontend is what a frontend in the daemon sees.
type frontend struct {
	*gatewayClient
	req gateway.SolveRequest
}

func (f *frontend) BuildOpts() gateway.BuildOpts {
	opts := f.gatewayClient.BuildOpts()
	opts.Opts = f.req.FrontendOpt
	return opts
}

func (f *frontend) Inputs(context.Context) (map[string]llb.State, error) {
	out := map[string]llb.State{}
	for name, def := range f.req.FrontendInputs {
		op, err := llb.NewDefinitionOp(def)
		if err != nil {
			return nil, err
		}
		out[name] = llb.NewState(op)
	}
	return out, nil
}

// ResolveImageConfig finds an image that the client has.
func (g *gatewayClient) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image, ok := g.client.Images[ref]
	if !ok {
		return "", "", nil, fmt.Errorf("%s: not found", ref)
	}
	data, err := json.Marshal(image)
	return ref, digest.FromBytes(data), data, err
}

// ResolveSourceMetadata finds an image that the client has.
func (g *gatewayClient) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	_, dgst, data, err := g.ResolveImageConfig(ctx, strings.TrimPrefix(op.Identifier, "docker-image://"), opt)
	if err != nil {
		return nil, err
	}
	return &sourceresolver.MetaResponse{Op: op, Image: &sourceresolver.ResolveImageResponse{Digest: dgst, Config: data}}, nil
}

// NewContainer returns a container in which every command ends at once.
func (g *gatewayClient) NewContainer(context.Context, gateway.NewContainerRequest) (gateway.Container, error) {
	return &container{g.client}, nil
}

// reference is the result of a definition.
type reference struct {
	gateway *gatewayClient
	def     *pb.Definition
}

func (r *reference) ToState() (llb.State, error) {
	op, err := llb.NewDefinitionOp(r.def)
	if err != nil {
		return llb.State{}, err
	}
	return llb.NewState(op), nil
}

// Evaluate runs the vertices of the definition that were not run before.
func (r *reference) Evaluate(ctx context.Context) error {
	r.gateway.reports.Add(1)
	defer r.gateway.reports.Done()
	for _, data := range r.def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return err
		}
		if op.Op == nil {
			continue
		}
		id := digest.FromBytes(data)
		name := r.def.Metadata[string(id)].GetDescription()["llb.customname"]
		if err := r.gateway.run(ctx, id, name); err != nil {
			return err
		}
	}
	return nil
}

// run reports a vertex as run.
func (g *gatewayClient) run(ctx context.Context, id digest.Digest, name string) error {
	c := g.client
	_, text, _ := strings.Cut(name, "] ")
	failed := c.Fails[text]
	c.mu.Lock()
	if c.seen == nil {
		c.seen = map[digest.Digest]bool{}
	}
	seen := c.seen[id]
	c.seen[id] = true
	if !seen {
		c.steps = append(c.steps, name)
	}
	c.mu.Unlock()
	if seen && failed == nil {
		return nil
	}
	started := time.Now()
	v := client.Vertex{Digest: id, Name: name, Started: &started}
	over := v // whoever gets a status may change what it holds
	if err := g.report(ctx, &client.SolveStatus{Vertexes: []*client.Vertex{&v}}); err != nil {
		return err
	}
	ended := time.Now()
	over.Completed, over.Cached = &ended, slices.Contains(c.Cached, text)
	s := &client.SolveStatus{Vertexes: []*client.Vertex{&over}}
	if printed := c.Prints[text]; printed != "" {
		s.Logs = []*client.VertexLog{{Vertex: id, Stream: 1, Data: []byte(printed), Timestamp: ended}}
	}
	if failed != nil {
		over.Error = failed.Error()
		failed = cmp.Or(c.Instead, errdefs.WrapVertex(failed, id))
	}
	return errors.Join(g.report(ctx, s), failed)
}

func (g *gatewayClient) report(ctx context.Context, s *client.SolveStatus) error {
	select {
	case g.status <- s:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ReadFile reads a file that the definition makes itself.
func (r *reference) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	for _, data := range r.def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, err
		}
		for _, a := range op.GetFile().GetActions() {
			if f := a.GetMkfile(); f != nil && path.Clean("/"+f.Path) == path.Clean("/"+req.Filename) {
				return f.Data, nil
			}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: req.Filename, Err: fs.ErrNotExist}
}

func (r *reference) StatFile(_ context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	return nil, &fs.PathError{Op: "stat", Path: req.Path, Err: fs.ErrNotExist}
}

func (r *reference) ReadDir(_ context.Context, req gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	return nil, &fs.PathError{Op: "open", Path: req.Path, Err: fs.ErrNotExist}
}

// container runs no command, but prints what the client says of it.
type container struct{ client *Client }

func (c *container) Start(_ context.Context, req gateway.StartRequest) (gateway.ContainerProcess, error) {
	command := strings.Join(req.Args, " ")
	_, err := io.WriteString(req.Stdout, c.client.Prints[command])
	return &process{c.client.Fails[command]}, err
}

func (c *container) Release(context.Context) error { return nil }

func (c *container) ReadFile(context.Context, gateway.ReadContainerRequest) ([]byte, error) {
	return nil, fs.ErrNotExist
}

func (c *container) StatFile(context.Context, gateway.StatContainerRequest) (*fstypes.Stat, error) {
	return nil, fs.ErrNotExist
}

func (c *container) ReadDir(context.Context, gateway.ReadDirContainerRequest) ([]*fstypes.Stat, error) {
	return nil, fs.ErrNotExist
}

// process is a command that has ended.
type process struct{ err error }

func (p *process) Wait() error                                   { return p.err }
func (p *process) Resize(context.Context, gateway.WinSize) error { return nil }
func (p *process) Signal(context.Context, syscall.Signal) error  { return nil }
