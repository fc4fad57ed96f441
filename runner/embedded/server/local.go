//go:build linux

package server

import (
	"context"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/source"
	"github.com/moby/buildkit/source/local"
	"github.com/moby/buildkit/worker/base"
)

// digested is the source of local folders, whose digests stay with them. BuildKit
// takes the digests of the files while they come in, and forgets them once another
// step is built on top of the folder. Who asks later has them taken from the disk,
// where the root counts, which nobody sent: a step that copies the whole folder then
// has another cache key than in the run before, by whichever of the two was first.
type digested struct{ source.Source }

// keepDigests has a worker read local folders so.
func keepDigests(w *base.Worker) error {
	src, err := local.NewSource(local.Opt{CacheAccessor: w.CacheMgr})
	if err != nil {
		return err
	}
	w.SourceManager.Register(digested{src})
	return nil
}

func (d digested) Resolve(ctx context.Context, id source.Identifier, sm *session.Manager, v solver.Vertex) (source.SourceInstance, error) {
	of, err := d.Source.Resolve(ctx, id, sm, v)
	if err != nil {
		return nil, err
	}
	return digestedFolder{of}, nil
}

type digestedFolder struct{ source.SourceInstance }

func (d digestedFolder) Snapshot(ctx context.Context, job solver.JobContext) (cache.ImmutableRef, error) {
	ref, err := d.SourceInstance.Snapshot(ctx, job)
	if err != nil || ref == nil {
		return ref, err
	}
	if written, ok := ref.GetEqualMutable(); ok {
		// Without them the folder is still right.
		if digests, err := contenthash.GetCacheContext(ctx, written); err == nil {
			_ = contenthash.SetCacheContext(ctx, ref, digests)
		}
	}
	return ref, nil
}
