package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/skip"
)

// againstRecords puts what differs from the builds that the images in the registry
// came of in the place of what differs from a run. A record has the digests of a
// build, its base images and its commit: what else differs is read from that.
func (a *asked) againstRecords(ctx context.Context, cfg *config.Config, x *explain.Explanation, s *foresight.Snapshot) error {
	e := a.session
	find := &skip.Skipper{Client: e.OpenRegistries().Client, Warn: e.Notices.Warn}
	found := map[string]*skip.Found{}
	commits := map[string][]*explain.Target{}
	for _, t := range x.Targets {
		r, err := find.RecordOf(ctx, cfg.Target(t.Name), s.Facts.Targets[t.Name].Publication)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return usage.Errorf("--record: target %s: %w", t.Name, err)
		}
		found[t.Name] = r
		if commit, err := gittree.Resolve(ctx, ".", r.Commit); err == nil && r.Commit != "" {
			commits[commit] = append(commits[commit], t)
		}
	}
	for _, commit := range slices.Sorted(maps.Keys(commits)) {
		// A definition that cannot be read there any more leaves what the record has.
		if err := a.against(ctx, commits[commit], s, explain.Against{Commit: commit}); err != nil {
			e.Notices.Warn(fmt.Sprintf("the definition at %s cannot be read: %v", commit, err))
		}
	}
	for _, t := range x.Targets {
		r := found[t.Name]
		with := explain.Record{
			Against: explain.Against{Kind: "record", ID: r.Place.Repo.String() + ":" + r.Place.Tag, Time: r.Built},
			Image:   r.ImageInput, Publication: r.Publication, Bases: r.Bases, Commit: r.Commit, Dirty: r.Dirty,
		}
		with.Explain(t, s.Facts.Targets[t.Name])
	}
	return nil
}
