package build

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/skip"
)

// audit builds some of the skipped targets all the same, and compares. The error
// is for a target that must not have been skipped.
func (r *Run) audit(ctx context.Context) error {
	if r.skips == nil {
		return nil
	}
	chosen := r.skips.Audited(r.Record.ID())
	if len(chosen) == 0 {
		return nil
	}
	if r.Opt.Shown() {
		fmt.Fprintf(r.Stderr, "Audit: %s built from scratch and compared\n", termtext.Count(len(chosen), "skipped target"))
	}
	if r.allSkipped() {
		opened, err := r.openSite(ctx)
		if err != nil {
			return err
		}
		defer opened.Close()
		r.site = opened
		defer func() { r.site = site.Nowhere{} }()
	}
	return r.auditor().Audit(ctx, chosen)
}

// platformsOf says which platforms of a target the run builds; nil says all.
func (r *Run) platformsOf() func(target string) []string {
	if r.Opt.Parts == nil {
		return nil
	}
	return r.Opt.Parts.Platforms
}

// auditor returns what builds skipped targets with the options of this run, and compares
// the images.
func (r *Run) auditor() *skip.Auditor {
	return &skip.Auditor{
		Session: r.skips, About: skip.About{Orch: version.Stamped, Run: r.Record.ID()}, Narrow: r.Opt.Narrow, Part: r.part, Platforms: r.platformsOf(), Warn: r.Notices.Warn,
		Plan: func(ctx context.Context, cfg *config.Config) (*planner.Plan, error) {
			plan, diags, err := r.MakePlan(ctx, cfg, planning.Options{Platform: r.skipPlatform})
			if err == nil && diags.HasErrors() {
				err = diags
			}
			return plan, err
		},
		Digests: func(ctx context.Context, plan *planner.Plan) (*digest.Digests, error) {
			return r.DigestsOf(ctx, plan, nil)
		},
		Build: func(ctx context.Context, cfg *config.Config, plan *planner.Plan) (*runner.Report, error) {
			one := &Run{Session: r.Session, Opt: r.Opt, cfg: cfg, plan: plan, site: r.site, mask: r.mask, Record: r.Record, timeout: r.timeout}
			one.Opt.DeferOutput, one.Opt.Parts = false, nil
			return one.run(ctx)
		},
	}
}
