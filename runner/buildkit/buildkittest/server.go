package buildkittest

import (
	"context"
	"net"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
)

// Server is a daemon that answers on a socket: it says what it is, and has cache
// records, which can be pruned. It builds nothing.
type Server struct {
	controlapi.UnimplementedControlServer
	// Records are the cache records.
	Records []*controlapi.UsageRecord
}

// Serve answers on a listener until it is closed.
func (s *Server) Serve(l net.Listener) error {
	server := grpc.NewServer()
	controlapi.RegisterControlServer(server, s)
	return server.Serve(l)
}

// Info says which BuildKit it is.
func (s *Server) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	return &controlapi.InfoResponse{BuildkitVersion: &apitypes.BuildkitVersion{Package: "github.com/moby/buildkit", Version: "v0.34.2"}}, nil
}

// ListWorkers has one worker.
func (s *Server) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		ID: "worker", Platforms: []*pb.Platform{{OS: "linux", Architecture: "amd64"}},
		BuildkitVersion: &apitypes.BuildkitVersion{Package: "github.com/moby/buildkit", Version: "v0.34.2"},
	}}}, nil
}

// DiskUsage returns the records.
func (s *Server) DiskUsage(context.Context, *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	return &controlapi.DiskUsageResponse{Record: s.Records}, nil
}

// Prune returns the records that are not in use, as if it had removed them.
func (s *Server) Prune(_ *controlapi.PruneRequest, out grpc.ServerStreamingServer[controlapi.UsageRecord]) error {
	for _, r := range s.Records {
		if r.InUse {
			continue
		}
		if err := out.Send(r); err != nil {
			return err
		}
	}
	return nil
}
