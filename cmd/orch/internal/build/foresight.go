package build

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/record"
)

// foresee begins to look at what targets are made of, while the run begins. It
// is nil where nothing can be kept.
func (r *Run) foresee(ctx context.Context) *foresight.Foresight {
	if r.Record.Dir() == "" || r.allSkipped() {
		return nil
	}
	store, _, err := record.Project(r.Getenv)
	if err != nil {
		return nil
	}
	memory := r.ProjectMemory()
	src, seen, err := r.SnapshotSource(r.plan, memory, planning.Remembered)
	if err != nil {
		return nil
	}
	src.Hide = r.mask
	return foresight.Begin(ctx, foresight.Options{Source: src, Store: store, Builder: r.site.Name(), Seen: seen, Done: memory.Save})
}

// checkForesight compares what was foreseen with what ran.
func (r *Run) checkForesight(ctx context.Context, run *runner.Report) {
	for _, err := range r.foresight.Check(ctx, run, r.Record, r.site.Embedded()) {
		if err != nil {
			fmt.Fprintf(r.Stderr, "Warning: %v\n", err)
		}
	}
}

// explained prints why targets were built, if that was asked for.
func (r *Run) explained() {
	if r.Opt.Explain {
		r.foresight.Print(r.Ctx, r.Stderr)
	}
}

// sawImage keeps what the builder says of images.
func (r *Run) sawImage() func(ref, digest, platform string, config []byte) {
	store := r.Images(planning.Remembered).Store
	return func(ref, digest, platform string, config []byte) {
		store.Save(digest, platform, config)
		r.foresight.Met(ref, digest)
	}
}
