package main

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/skip"
)

// audit builds some of the skipped targets all the same, and compares. The error
// is that of a target that must not have been skipped.
func (r *buildRun) audit(ctx context.Context) error {
	if r.skips == nil {
		return nil
	}
	chosen := r.skips.Audited(r.record.ID())
	if len(chosen) == 0 {
		return nil
	}
	if r.opt.shown() {
		fmt.Fprintf(r.stderr, "Audit: %s built from scratch and compared\n", termtext.Count(len(chosen), "skipped target"))
	}
	if r.allSkipped() {
		site, err := r.openSite(ctx)
		if err != nil {
			return err
		}
		defer site.Close()
		r.site = site
		defer func() { r.site = nowhere{} }()
	}
	return r.auditor().Audit(ctx, chosen)
}

// auditor builds and compares with what the run has.
func (r *buildRun) auditor() *skip.Auditor {
	return &skip.Auditor{
		Session: r.skips, About: skip.About{Orch: version, Run: r.record.ID()}, Narrow: r.opt.narrow, Warn: r.notices.Warn,
		Plan: func(ctx context.Context, cfg *config.Config) (*planner.Plan, error) {
			plan, diags, err := r.makePlan(ctx, cfg, planning{platform: r.skipPlatform})
			if err == nil && diags.HasErrors() {
				err = diags
			}
			return plan, err
		},
		Digests: func(ctx context.Context, plan *planner.Plan) (*digest.Digests, error) {
			return r.digestsOf(ctx, plan, r.skipPlatform, nil)
		},
		Build: func(ctx context.Context, cfg *config.Config, plan *planner.Plan) (*runner.Report, error) {
			one := &buildRun{env: r.env, opt: r.opt, cfg: cfg, plan: plan, site: r.site, mask: r.mask, record: r.record, timeout: r.timeout}
			one.opt.deferOutput = false
			return one.run(ctx)
		},
	}
}
