package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/engine"
	"github.com/orch-build/orch/runner/pods"
)

// dialStdio is the command that hands a BuildKit's socket through, where it runs.
var dialStdio = []string{"buildctl", "dial-stdio"}

// Reach connects to a node of a builder, and starts it where it is a container
// that is stopped. name is what reports call it.
func Reach(ctx context.Context, driver builders.Driver, node builders.Node, name string) (*Builder, error) {
	return reach(ctx, driver, node, name, (*engine.Engine).EnsureRunning)
}

// Look is like Reach, but starts nothing.
func Look(ctx context.Context, driver builders.Driver, node builders.Node, name string) (*Builder, error) {
	return reach(ctx, driver, node, name, (*engine.Engine).ExpectRunning)
}

// running makes sure that a container runs. started says that it did not before.
type running func(e *engine.Engine, ctx context.Context, container string) (started bool, err error)

func reach(ctx context.Context, driver builders.Driver, node builders.Node, name string, ensure running) (*Builder, error) {
	switch driver {
	case builders.Engine:
		return reachEngine(ctx, node, name)
	case builders.Container:
		return reachContainer(ctx, node, name, ensure)
	case builders.Kubernetes:
		return reachPod(ctx, node, name)
	}
	// A connection to a name tries its addresses one by one.
	addr := node.Address
	if rest, ok := strings.CutPrefix(addr, "dns+tcp://"); ok {
		addr = "tcp://" + rest
	}
	return Dial(ctx, addr, name, TLS{node.TLS.CA, node.TLS.Cert, node.TLS.Key, node.TLS.ServerName})
}

// reachEngine connects to the BuildKit in an engine.
func reachEngine(ctx context.Context, node builders.Node, name string) (*Builder, error) {
	e, err := engine.New(node.Engine)
	if err != nil {
		return nil, &TLSError{err}
	}
	// The engine says more clearly than its BuildKit why nobody answers.
	info, err := e.Info(ctx)
	if err != nil {
		return nil, err
	}
	b, err := through(ctx, name, func(ctx context.Context) (net.Conn, error) { return e.BuildKit(ctx) }, client.WithSessionDialer(e.Session))
	if err != nil {
		return nil, fmt.Errorf("the BuildKit in %s: %w", e, err)
	}
	b.Engine = &Engine{Engine: e, Info: *info}
	return b, nil
}

// reachContainer connects to a BuildKit in a container.
func reachContainer(ctx context.Context, node builders.Node, name string, ensure running) (*Builder, error) {
	e, err := engine.New(node.Engine)
	if err != nil {
		return nil, &TLSError{err}
	}
	started, err := ensure(e, ctx, node.Container)
	var missing *engine.Missing
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w: make it with docker buildx inspect --bootstrap %s", err, node.Instance)
	}
	if err != nil {
		return nil, err
	}
	connect := func(ctx context.Context) (b *Builder, err error) {
		var why reason
		b, err = through(ctx, name, func(ctx context.Context) (net.Conn, error) {
			conn, err := e.Exec(ctx, node.Container, dialStdio...)
			return why.note(conn, err)
		})
		return b, why.of(err)
	}
	if !started {
		b, err := connect(ctx)
		return b, wrapNode(err, node)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var b *Builder
	err = engine.Wait(ctx, func(ctx context.Context) (err error) { b, err = connect(ctx); return err })
	return b, wrapNode(err, node)
}

func wrapNode(err error, node builders.Node) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the BuildKit in the container %s: %w", node.Container, err)
}

// A pod may be ready before its daemon listens, where nobody has told the cluster
// how to see that; this is how long it is tried again. podTimeout is how long the
// first answer of a pod may take: the cluster itself gives up on a node after half
// a minute, and kubectl then says why.
const (
	podStart   = 30 * time.Second
	podTimeout = 40 * time.Second
)

// reachPod connects to a BuildKit in a pod.
func reachPod(ctx context.Context, node builders.Node, name string) (*Builder, error) {
	cluster := pods.Cluster(node.Pods)
	pod, err := cluster.Choose(ctx)
	if err != nil {
		return nil, err
	}
	for begin := time.Now(); ; {
		b, err := execPod(ctx, cluster, pod, name)
		if err == nil || !notYet(err) || time.Since(begin) > podStart {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(podPause):
		}
	}
}

// podPause is the time between two attempts to reach a daemon that starts.
const podPause = 500 * time.Millisecond

// notYet says whether an error is of buildctl in the pod, which finds no socket that
// somebody listens at.
func notYet(err error) bool {
	text := err.Error()
	return strings.Contains(text, "dial unix") && (strings.Contains(text, "no such file") || strings.Contains(text, "connection refused"))
}

// execPod connects by running buildctl in a pod.
func execPod(ctx context.Context, cluster pods.Cluster, pod pods.Pod, name string) (*Builder, error) {
	var why reason
	b, err := throughWithin(ctx, name, podTimeout, func(context.Context) (net.Conn, error) {
		conn, err := cluster.Exec(pod, dialStdio...)
		return why.note(conn, err)
	})
	switch {
	case err == nil:
		return b, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	said := why.of(err)
	if timedOut(said) {
		said = fmt.Errorf("no answer within %s, and kubectl says nothing", podTimeout)
	}
	return nil, fmt.Errorf("the BuildKit in the pod %s: %w", pod.Name, said)
}

// through connects by connections that dial opens.
func through(ctx context.Context, name string, dial func(context.Context) (net.Conn, error), opts ...client.ClientOpt) (*Builder, error) {
	return throughWithin(ctx, name, dialTimeout, dial, opts...)
}

// throughWithin is through, with the time that the first answer may take.
func throughWithin(ctx context.Context, name string, timeout time.Duration, dial func(context.Context) (net.Conn, error), opts ...client.ClientOpt) (*Builder, error) {
	opts = append(opts, client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }))
	c, err := client.New(ctx, "", opts...)
	if err != nil {
		return nil, err
	}
	b, err := connectWithin(ctx, connection{c}, name, timeout)
	if err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return b, nil
}

// reason is why connections failed or ended: gRPC hands on only that they did.
type reason struct {
	mu  sync.Mutex
	err error
}

func (r *reason) keep(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// of returns the reason of err, if there is one.
func (r *reason) of(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || r.err == nil || errors.Is(r.err, io.EOF) || errors.Is(r.err, net.ErrClosed) {
		return err
	}
	return r.err
}

// note watches a connection that was opened, or not.
func (r *reason) note(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		r.keep(err)
		return nil, err
	}
	return &noted{conn, r}, nil
}

type noted struct {
	net.Conn
	why *reason
}

func (c *noted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.why.keep(err)
	}
	return n, err
}

// Engine is the Docker Engine that a builder is part of.
type Engine struct {
	*engine.Engine
	Info engine.Info
}
