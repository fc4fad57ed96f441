package inside

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Box is where processes can run: the files and mounts of a step or an image, with what
// a process is given there.
type Box struct {
	// Step is the name of the step; "" is the finished image.
	Step string
	// Failed is why the step failed, or nil.
	Failed error
	// Args is the command of the step; nil if it is not a RUN step.
	Args     []string
	Env      []string
	Cwd      string
	User     string
	Platform *pb.Platform

	gateway  gateway.Client
	mounts   []gateway.Mount
	network  pb.NetMode
	security pb.SecurityMode
	hosts    []*pb.HostIP
	hostname string
	secrets  []*pb.SecretEnv
}

// defaultPath is the PATH where nothing says what it is.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// oldFailure is how BuildKit before v0.9, such as that of Docker Engine 20.10, begins to
// say that a step failed; it says no more of it.
const oldFailure = "executor failed running ["

// Image is a box of a finished image.
func Image(gw gateway.Client, ref gateway.Reference, config ocispecs.ImageConfig) *Box {
	b := &Box{gateway: gw, Env: config.Env, Cwd: config.WorkingDir, User: config.User}
	b.mounts = []gateway.Mount{{Dest: pb.RootMount, Ref: ref, MountType: pb.MountType_BIND}}
	return b
}

// Before is a box of a step that has not run.
func Before(ctx context.Context, gw gateway.Client, s *Step) (*Box, error) {
	return boxOf(ctx, gw, s, func(*pb.Mount) (digest.Digest, int64, bool) { return "", 0, false })
}

// After has the builder run a step, and is a box of what it leaves. If it fails, or one
// before it, the box is that of the step that failed.
func After(ctx context.Context, gw gateway.Client, s *Step) (*Box, error) {
	def, err := cut(s.def, s.id, s.root())
	if err != nil {
		return nil, err
	}
	if _, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def, Evaluate: true}); err != nil {
		return Failed(ctx, gw, s.def, err)
	}
	return boxOf(ctx, gw, s, func(m *pb.Mount) (digest.Digest, int64, bool) { return s.id, m.Output, m.Output >= 0 })
}

// root is the number of the output that has the files of the step.
func (s *Step) root() int64 {
	if exec := s.op.GetExec(); exec != nil {
		for _, m := range exec.Mounts {
			if m.Dest == pb.RootMount && m.Output >= 0 {
				return m.Output
			}
		}
	}
	return 0
}

// boxOf is a box of a step. after says where the files of a mount are once the step has
// run, if they are not what it began with.
func boxOf(ctx context.Context, gw gateway.Client, s *Step, after func(*pb.Mount) (digest.Digest, int64, bool)) (*Box, error) {
	b := &Box{Step: s.Name, gateway: gw}
	exec := s.op.GetExec()
	if exec == nil {
		return b, b.withoutProcess(ctx, s, after)
	}
	b.take(exec)
	for _, m := range exec.Mounts {
		mount := mountOf(m)
		id, index, ran := after(m)
		if !ran {
			id, index = "", 0 // such as a secret and a cache, which have no files of their own
			if m.Input >= 0 && int(m.Input) < len(s.op.Inputs) {
				in := s.op.Inputs[m.Input]
				id, index = digest.Digest(in.Digest), in.Index
			}
		}
		if id != "" {
			var err error
			if mount.Ref, err = solve(ctx, gw, s.def, id, index); err != nil {
				return Failed(ctx, gw, s.def, err)
			}
		}
		b.mounts = append(b.mounts, mount)
	}
	b.platform(s.op)
	return b, nil
}

// withoutProcess makes the box of a step that runs no process, such as a COPY.
func (b *Box) withoutProcess(ctx context.Context, s *Step, after func(*pb.Mount) (digest.Digest, int64, bool)) error {
	root := gateway.Mount{Dest: pb.RootMount, MountType: pb.MountType_BIND}
	id, index, ran := after(&pb.Mount{})
	if !ran && len(s.op.Inputs) > 0 && s.op.GetFile() != nil && s.op.GetFile().Actions[0].Input >= 0 {
		in := s.op.Inputs[0]
		id, index = digest.Digest(in.Digest), in.Index
	}
	if id != "" {
		var err error
		if root.Ref, err = solve(ctx, b.gateway, s.def, id, index); err != nil {
			return err
		}
	}
	b.mounts = []gateway.Mount{root}
	b.Env, b.Cwd = []string{defaultPath}, "/"
	if near := s.neighbour(); near != nil {
		meta := near.op.GetExec().Meta
		b.Env, b.Cwd, b.User = meta.Env, meta.Cwd, meta.User
		b.platform(near.op)
	}
	return nil
}

// Failed is a box of the step whose failure an error is, as the step left it. Where the
// builder has not kept that, it is the error itself.
func Failed(ctx context.Context, gw gateway.Client, def *pb.Definition, err error) (*Box, error) {
	var solveErr *errdefs.SolveError
	if !errors.As(err, &solveErr) && strings.Contains(err.Error(), oldFailure) {
		return nil, fmt.Errorf("%w; this builder is of a version that keeps nothing of a step that fails: name the step, with --before", err)
	}
	if ctx.Err() != nil || !errors.As(err, &solveErr) || solveErr.Solve.Op.GetExec() == nil {
		return nil, err
	}
	exec := solveErr.Solve.Op.GetExec()
	if len(solveErr.Solve.MountIDs) < len(exec.Mounts) {
		return nil, err
	}
	b := &Box{gateway: gw, Failed: err}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		b.Step = def.GetMetadata()[vertex.Digest].GetDescription()[nameKey]
	}
	b.take(exec)
	for i, m := range exec.Mounts {
		mount := mountOf(m)
		if m.MountType == pb.MountType_BIND {
			mount.ResultID = solveErr.Solve.MountIDs[i]
		}
		b.mounts = append(b.mounts, mount)
	}
	b.platform(solveErr.Solve.Op)
	return b, nil
}

// take takes what a process is given.
func (b *Box) take(exec *pb.ExecOp) {
	meta := exec.Meta
	b.Args, b.Env, b.Cwd, b.User = meta.Args, meta.Env, meta.Cwd, meta.User
	b.hosts, b.hostname = meta.ExtraHosts, meta.Hostname
	b.network, b.security, b.secrets = exec.Network, exec.Security, exec.Secretenv
	if p := meta.ProxyEnv; p != nil {
		for name, value := range map[string]string{
			"http_proxy": p.HttpProxy, "https_proxy": p.HttpsProxy, "ftp_proxy": p.FtpProxy, "no_proxy": p.NoProxy, "all_proxy": p.AllProxy,
		} {
			if value != "" {
				b.Env = append(b.Env, strings.ToUpper(name)+"="+value, name+"="+value)
			}
		}
	}
}

func (b *Box) platform(op *pb.Op) {
	if op.Platform != nil {
		b.Platform = op.Platform
	}
}

// mountOf is a mount of a step without what is in it.
func mountOf(m *pb.Mount) gateway.Mount {
	return gateway.Mount{
		Dest: m.Dest, Selector: m.Selector, Readonly: m.Readonly, MountType: m.MountType,
		CacheOpt: m.CacheOpt, SecretOpt: m.SecretOpt, SSHOpt: m.SSHOpt,
	}
}

// solve has the builder make an output of a vertex.
func solve(ctx context.Context, gw gateway.Client, def *pb.Definition, id digest.Digest, index int64) (gateway.Reference, error) {
	part, err := cut(def, id, index)
	if err != nil {
		return nil, err
	}
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: part, Evaluate: true})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}

// toolDir is where a tool is mounted.
const toolDir = "/.orch-debug"

// AddTool mounts a program of this machine, and returns its path in the box.
func (b *Box) AddTool(ctx context.Context, name string, program []byte) (string, error) {
	ref, err := toolRef(ctx, b.gateway, name, program)
	if err != nil {
		return "", fmt.Errorf("handing %s to the builder: %w", name, err)
	}
	b.mounts = append(b.mounts, gateway.Mount{Dest: toolDir, Ref: ref, Readonly: true, MountType: pb.MountType_BIND})
	return toolDir + "/" + name, nil
}
