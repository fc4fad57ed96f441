package inside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
)

// Process is a process that is to run in a box.
type Process struct {
	Args []string
	// Env adds to the box's.
	Env []string
	// Terminal says that it has a terminal, whose size changes to what comes.
	Terminal bool
	Sizes    <-chan gateway.WinSize
	Stdin    io.ReadCloser
	Stdout   io.WriteCloser
	Stderr   io.WriteCloser
}

// ErrNoProgram says that there is no such program in the box.
var ErrNoProgram = errors.New("there is no such program in the image")

// Run runs a process, and returns its exit code. The error is about one that could not
// be run.
func (b *Box) Run(ctx context.Context, p Process) (int, error) {
	caps := b.gateway.BuildOpts().Caps
	if err := caps.Supports(gatewaypb.CapGatewayExec); err != nil {
		return -1, fmt.Errorf("this builder runs no commands in steps: %w", err)
	}
	ctr, err := b.gateway.NewContainer(ctx, gateway.NewContainerRequest{
		Mounts: b.mounts, NetMode: b.network, Hostname: b.hostname, ExtraHosts: b.hosts, Platform: b.Platform,
	})
	if err != nil {
		return -1, fmt.Errorf("preparing the container: %w", err)
	}
	defer func() { _ = ctr.Release(context.WithoutCancel(ctx)) }()
	if caps.Supports(gatewaypb.CapGatewayExecFilesystem) == nil && !b.has(ctx, ctr, p.Args[0]) {
		return -1, fmt.Errorf("%w: %s", ErrNoProgram, p.Args[0])
	}
	cwd := b.Cwd
	if cwd == "" {
		cwd = "/"
	}
	proc, err := ctr.Start(ctx, gateway.StartRequest{
		Args: p.Args, Env: slices.Concat(b.Env, p.Env), SecretEnv: b.secrets, User: b.User, Cwd: cwd, Tty: p.Terminal,
		Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr, SecurityMode: b.security, RemoveMountStubsRecursive: true,
	})
	if err != nil {
		return -1, missing(p.Args[0], err)
	}
	return p.wait(ctx, proc)
}

// has says whether there is a program: in one of the folders of PATH, if it is named
// without a folder.
func (b *Box) has(ctx context.Context, ctr gateway.Container, program string) bool {
	if strings.Contains(program, "/") {
		return b.holds(ctx, ctr, b.absolute(program))
	}
	for _, dir := range strings.Split(b.searchPath(), ":") {
		if b.holds(ctx, ctr, path.Join(b.absolute(dir), program)) {
			return true
		}
	}
	return false
}

func (b *Box) absolute(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join("/", b.Cwd, name)
}

// searchPath is the PATH of the box. Of several, the last one counts.
func (b *Box) searchPath() string {
	out := strings.TrimPrefix(defaultPath, "PATH=")
	for _, e := range b.Env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			out = value
		}
	}
	return out
}

// holds says whether there is a file; of one that is below a mount it supposes so.
func (b *Box) holds(ctx context.Context, ctr gateway.Container, name string) bool {
	root := -1
	for i, m := range b.mounts {
		if m.Dest == pb.RootMount {
			root = i
		} else if strings.HasPrefix(name, strings.TrimSuffix(m.Dest, "/")+"/") {
			return true
		}
	}
	_, err := ctr.StatFile(ctx, gateway.StatContainerRequest{StatRequest: gateway.StatRequest{Path: name}, MountIndex: root})
	return err == nil || !strings.Contains(err.Error(), "no such file")
}

// wait waits for the end of a process.
func (p *Process) wait(ctx context.Context, proc gateway.ContainerProcess) (int, error) {
	ended := make(chan error, 1)
	go func() { ended <- proc.Wait() }()
	for {
		select {
		case size := <-p.Sizes:
			_ = proc.Resize(ctx, size)
		case <-ctx.Done():
			_ = proc.Signal(context.WithoutCancel(ctx), syscall.SIGKILL)
			return -1, context.Cause(ctx)
		case err := <-ended:
			var exit *gatewaypb.ExitError
			switch {
			case err == nil:
				return 0, nil
			case errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus:
				return int(exit.ExitCode), nil
			}
			return -1, missing(p.Args[0], err)
		}
	}
}

// missing says of an error that it is about a program that is not there, if it is.
func missing(program string, err error) error {
	for _, sign := range []string{"executable file not found", program + ": no such file", program + "\": stat", "exec format error"} {
		if strings.Contains(err.Error(), sign) {
			return fmt.Errorf("%w: %s", ErrNoProgram, program)
		}
	}
	return fmt.Errorf("running %s: %w", program, err)
}

// Shell is the shell that the step uses, or else /bin/sh.
func (b *Box) Shell() string {
	if len(b.Args) > 2 && b.Args[1] == "-c" && path.IsAbs(b.Args[0]) {
		return b.Args[0]
	}
	return "/bin/sh"
}

// toolRef is a file system with just a program.
func toolRef(ctx context.Context, gw gateway.Client, name string, program []byte) (gateway.Reference, error) {
	st := llb.Scratch().File(llb.Mkfile("/"+name, 0o755, program), llb.WithCustomName("[internal] "+name))
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}
