package compare

import (
	"context"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner/foresight"
)

// snapshot plans targets and writes down what they are made of.
func snapshot(ctx context.Context, e *planning.Session, cfg *config.Config, platform string, images planning.Lookup) (*foresight.Snapshot, error) {
	plan, err := e.Planned(ctx, cfg, planning.Options{Platform: platform})
	if err != nil {
		return nil, err
	}
	return snapshotOf(ctx, e, cfg, plan, images)
}

// snapshotOf is the snapshot of targets that have been planned.
func snapshotOf(ctx context.Context, e *planning.Session, cfg *config.Config, plan *planner.Plan, images planning.Lookup) (*foresight.Snapshot, error) {
	memory := e.ProjectMemory()
	defer memory.Save()
	src, _, err := e.SnapshotSource(plan, memory, images)
	if err != nil {
		return nil, err
	}
	src.Hide = sensitive(cfg)
	s, err := foresight.New(src)
	if err != nil {
		return nil, err
	}
	return s, s.Take(ctx)
}

// sensitive are the values that the definition calls so.
func sensitive(cfg *config.Config) *mask.Mask {
	m := &mask.Mask{}
	for _, v := range cfg.Sensitive() {
		m.Add(v)
	}
	return m
}
