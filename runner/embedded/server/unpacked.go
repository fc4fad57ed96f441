//go:build linux

package server

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	controlapi "github.com/moby/buildkit/api/services/control"
	cachemetadata "github.com/moby/buildkit/cache/metadata"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/orch-build/orch/runner/meter"
)

// diskUsage is the request for the sizes of all records.
const diskUsage = "/moby.buildkit.v1.Control/DiskUsage"

// The names under which BuildKit's cache/metadata.go keeps a record's packed
// layer, and whether that is all there is of it.
const (
	keyBlob     = "cache.blob"
	keyBlobOnly = "cache.blobonly"
)

// unpacked answers a request for sizes without the packed forms of layers, if
// its client asks for that: BuildKit counts a layer's file system and its packed
// form, once something was exported, as one size.
type unpacked struct {
	records *cachemetadata.Store
	blobs   content.Store
}

func (u *unpacked) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	if err != nil || info.FullMethod != diskUsage || len(metadata.ValueFromIncomingContext(ctx, meter.UnpackedHeader)) == 0 {
		return resp, err
	}
	if usage, ok := resp.(*controlapi.DiskUsageResponse); ok {
		for _, r := range usage.Record {
			r.Size = u.size(ctx, r)
		}
		_ = grpc.SetHeader(ctx, metadata.Pairs(meter.UnpackedHeader, "1"))
	}
	return resp, nil
}

// size is that of a record's file system in bytes, meter.NotUnpacked if the
// record has none yet.
func (u *unpacked) size(ctx context.Context, r *controlapi.UsageRecord) int64 {
	item, ok := u.records.Get(r.ID)
	if !ok {
		return r.Size
	}
	var only bool
	if v := item.Get(keyBlobOnly); v != nil && v.Unmarshal(&only) == nil && only {
		return meter.NotUnpacked
	}
	var blob digest.Digest
	if v := item.Get(keyBlob); v == nil || v.Unmarshal(&blob) != nil || blob == "" {
		return r.Size
	}
	info, err := u.blobs.Info(ctx, blob)
	if err != nil {
		return r.Size // as BuildKit, which counts what is there
	}
	return max(0, r.Size-info.Size)
}
