package main

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/predict"
	"github.com/orch-build/orch/runner/record"
)

// snapshot plans targets and writes down what they are made of.
func (e *env) snapshot(ctx context.Context, cfg *config.Config, platform string, resolve bool) (*foresight.Snapshot, error) {
	plan, err := e.planned(ctx, cfg, planning{platform: platform})
	if err != nil {
		return nil, err
	}
	memory := e.projectMemory()
	defer memory.flush()
	src, _, err := e.snapshotSource(plan, platform, memory, resolve)
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

// snapshotSource is what a snapshot is taken of, and the images that are known.
func (e *env) snapshotSource(plan *planner.Plan, platform string, memory projectMemory, resolve bool) (src foresight.Source, seen *predict.Images, err error) {
	src.Plan = plan
	if src.State, err = embedded.DefaultStateDir(e.getenv); err != nil {
		return src, nil, err
	}
	seen = predict.OpenImages(src.State)
	images := e.images(resolve)
	images.Seen = seen.Seen
	src.Digests, err = e.digestOptions(platform, memory.planner(), images)
	return src, seen, err
}

// sensitive are the values that the definition calls so.
func sensitive(cfg *config.Config) *mask.Mask {
	m := &mask.Mask{}
	for _, v := range cfg.Sensitive() {
		m.Add(v)
	}
	return m
}

// foresee begins to look at what targets are made of, while the run begins. It
// is nil where nothing can be kept.
func (r *buildRun) foresee(ctx context.Context) *foresight.Foresight {
	if r.record.Dir() == "" || r.allSkipped() {
		return nil
	}
	store, _, err := record.Project(r.getenv)
	if err != nil {
		return nil
	}
	platform := r.site.platform()
	if platform == "" {
		platform = localPlatform()
	}
	memory := r.projectMemory()
	src, seen, err := r.snapshotSource(r.plan, platform, memory, false)
	if err != nil {
		return nil
	}
	src.Hide = r.mask
	return foresight.Begin(ctx, foresight.Options{Source: src, Store: store, Builder: r.site.name(), Seen: seen, Done: memory.flush})
}

// checkForesight compares what was foreseen with what ran.
func (r *buildRun) checkForesight(ctx context.Context, run *runner.Report) {
	for _, err := range r.foresight.Check(ctx, run, r.record, r.site.embedded()) {
		if err != nil {
			fmt.Fprintf(r.stderr, "Warning: %v\n", err)
		}
	}
}

// explained prints why targets were built, if that was asked for.
func (r *buildRun) explained() {
	if r.opt.explain {
		r.foresight.Print(r.ctx, r.stderr)
	}
}

// sawImage keeps what the builder says of images.
func (r *buildRun) sawImage() func(ref, digest, platform string, config []byte) {
	store := r.images(false).Store
	return func(ref, digest, platform string, config []byte) {
		store.Save(digest, platform, config)
		r.foresight.Met(ref, digest)
	}
}
