package builder

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	// The ways to reach a builder that is not a socket or a port.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"

	// The codec of BuildKit's own programs. gRPC's refuses names of files that
	// are not UTF-8.
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto"

	"github.com/orch-build/orch/runner/builders/address"
)

// dialTimeout is how long a builder may take to give its first answer.
const dialTimeout = 20 * time.Second

// Builder is a BuildKit daemon that answers.
type Builder struct {
	// Name is what reports call the builder.
	Name string
	// Platform is the builder's own platform, such as "linux/amd64".
	Platform string

	// Own is the same platform in its parts; nil if the builder names none.
	Own *ocispecs.Platform

	// Platforms are those that the builder can run, its own first.
	Platforms []string
	// SameFrontend is true if the builder's own frontend is of the version that
	// is linked in.
	SameFrontend atomic.Bool
	// ID tells the daemon from all others, by whatever address it was reached; "" if
	// it is not known.
	ID string
	// Version is its BuildKit's; "" if it is not known.
	Version string
	// HostGateway is the address of its host for the steps that it runs; "" if it
	// names none.
	HostGateway string
	// Engine is the Docker Engine that the builder is part of; nil if it is none.
	Engine *Engine
	// Conn is the connection to it.
	Conn Client
}

// Client is the connection itself, for what the package does not wrap; nil if
// there is no daemon.
func (b *Builder) Client() *client.Client {
	c, _ := b.Conn.(connection)
	return c.Client
}

// Close ends the connection.
func (b *Builder) Close() error { return b.Conn.Close() }

// Dial connects to the BuildKit daemon at addr and makes sure that one
// answers there. name is what reports call it; "" means its address.
func Dial(ctx context.Context, addr, name string, tls TLS) (*Builder, error) {
	if err := address.Check(addr); err != nil {
		return nil, err
	}
	if name == "" {
		name = addr
	}
	if err := tls.check(); err != nil {
		return nil, &TLSError{fmt.Errorf("builder %s: %w", name, err)}
	}
	c, err := client.New(ctx, addr, tls.options(addr)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to builder %s: %w", addr, err)
	}
	b, err := Connect(ctx, connection{c}, name)
	if err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, dialError(addr, tls, helperReason(ctx, addr, tls.reason(ctx, addr, err)))
	}
	return b, nil
}

// Connect asks the daemon behind a connection what it is.
func Connect(ctx context.Context, c Client, name string) (*Builder, error) {
	return connectWithin(ctx, c, name, dialTimeout)
}

// connectWithin is Connect, with the time that the first answer may take.
func connectWithin(ctx context.Context, c Client, name string, timeout time.Duration) (*Builder, error) {
	probe, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	workers, err := c.ListWorkers(probe)
	if err != nil {
		return nil, err
	}
	b := &Builder{Name: name, Conn: c}
	if len(workers) > 0 {
		b.Version = workers[0].BuildkitVersion.Version
		b.ID = identity(workers[0])
		b.HostGateway = workers[0].Labels[gatewayLabel]
	}
	if linked := linkedBuildKit(); linked != "" {
		b.SameFrontend.Store(b.Version == linked)
	}
	if len(workers) > 0 && len(workers[0].Platforms) > 0 {
		for _, p := range workers[0].Platforms {
			b.Platforms = append(b.Platforms, platforms.Format(platforms.Normalize(p)))
		}
		own := platforms.Normalize(workers[0].Platforms[0])
		b.Platform, b.Own = b.Platforms[0], &own
	}
	return b, nil
}

// Labels of a worker: the name of its host, and the address of that for steps, which
// a Docker Engine gives.
const (
	hostLabel    = "org.mobyproject.buildkit.worker.hostname"
	gatewayLabel = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"
)

// identity tells a daemon from others: the ID that its worker keeps in its state, with
// the host that it runs on, as machines made of one image have equal states.
func identity(w *client.WorkerInfo) string {
	host := w.Labels[hostLabel]
	if w.ID == "" || host == "" {
		return ""
	}
	return w.ID + " on " + host
}

// probeTimeout is how long a builder that has answered before may take to do
// so again.
const probeTimeout = 3 * time.Second

// Answers says whether the builder is still there.
func (b *Builder) Answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := b.Conn.ListWorkers(ctx)
	return err == nil
}

// Replace puts another connection in the place of one that was lost.
func (b *Builder) Replace(found *Builder) {
	_ = b.Conn.Close()
	b.Conn, b.Version = found.Conn, found.Version
	b.SameFrontend.Store(found.SameFrontend.Load())
}
