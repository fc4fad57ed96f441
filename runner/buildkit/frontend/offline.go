package frontend

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/bklog"
	digest "github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

// Offline is the gateway client where there is no builder. It knows no more
// than what every builder has.
type Offline struct {
	Images llb.ImageMetaResolver // nil for none
	missed atomic.Bool           // a builder was needed
}

var errNoBuilder = errors.New("only a builder can say this")

// Missed says whether a builder was needed.
func (c *Offline) Missed() bool { return c.missed.Load() }

func (c *Offline) miss() error {
	c.missed.Store(true)
	return errNoBuilder
}

// BuildOpts says that everything is supported.
func (c *Offline) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts:    map[string]string{},
		LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
		Caps:    gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
	}
}

// ResolveImageConfig asks the registry of an image, if that is wanted.
func (c *Offline) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if c.Images == nil || opt.OCILayoutOpt != nil {
		return "", "", nil, c.miss()
	}
	// A builder may have what this machine has not: credentials, mirrors, a way
	// through the network. What the registry refused goes to no log either.
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	ref, dgst, data, err := c.Images.ResolveImageConfig(bklog.WithLogger(ctx, logrus.NewEntry(quiet)), ref, opt)
	if err != nil {
		c.missed.Store(true)
	}
	return ref, dgst, data, err
}

// ResolveSourceMetadata needs a builder.
func (c *Offline) ResolveSourceMetadata(context.Context, *pb.SourceOp, sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	return nil, c.miss()
}

// Solve needs a builder.
func (c *Offline) Solve(context.Context, gateway.SolveRequest) (*gateway.Result, error) {
	return nil, c.miss()
}

// Inputs are none.
func (c *Offline) Inputs(context.Context) (map[string]llb.State, error) { return nil, nil }

// NewContainer needs a builder.
func (c *Offline) NewContainer(context.Context, gateway.NewContainerRequest) (gateway.Container, error) {
	return nil, c.miss()
}

// Warn goes nowhere.
func (c *Offline) Warn(context.Context, digest.Digest, string, gateway.WarnOpts) error { return nil }
