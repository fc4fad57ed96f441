package builder

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/content/proxy"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"google.golang.org/grpc"
	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/orch-build/orch/runner/meter"
)

// Client is a connection to a BuildKit daemon: all the calls of it that a run
// makes. Package buildkittest has one without a daemon.
type Client interface {
	// Build opens a Build, in which build is called, and closes status at its
	// end.
	Build(ctx context.Context, opt client.SolveOpt, product string, build gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error)
	// ListWorkers is also how it is asked whether the daemon is there.
	ListWorkers(ctx context.Context, opts ...client.ListWorkersOption) ([]*client.WorkerInfo, error)
	// DiskUsage returns the daemon's cache records. unpacked is true if their
	// sizes are those of file systems alone, as the embedded builder gives them.
	DiskUsage(ctx context.Context) (records []*controlapi.UsageRecord, unpacked bool, err error)
	// ContentStore is where the daemon keeps the parts of images.
	ContentStore() content.Store
	// Close ends the connection.
	Close() error
}

// connection is a Client that reaches a daemon.
type connection struct{ *client.Client }

func (c connection) DiskUsage(ctx context.Context) ([]*controlapi.UsageRecord, bool, error) {
	var header grpcmetadata.MD
	usage, err := c.ControlClient().DiskUsage(
		grpcmetadata.AppendToOutgoingContext(ctx, meter.UnpackedHeader, "1"), &controlapi.DiskUsageRequest{}, grpc.Header(&header))
	if err != nil {
		return nil, false, err
	}
	return usage.Record, len(header.Get(meter.UnpackedHeader)) > 0, nil
}

func (c connection) ContentStore() content.Store { return proxy.NewContentStore(c.ContentClient()) }
