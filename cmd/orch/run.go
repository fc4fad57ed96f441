package main

import (
	"context"
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/interrupt"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
)

// leaveAfter is how long an interrupted run waits for the builder to say that
// it has stopped.
const leaveAfter = 700 * time.Millisecond

// runOptions say how a resolved definition is built.
type runOptions struct {
	builder      *builderFlags
	progress     string
	jobs         int // 0 is by the builder's size
	keepGoing    bool
	deferOutput  bool
	retries      int
	metadataFile string
	resultFile   string
	reportFile   string
	pullFrontend bool
	// strictContext makes changes of a context while it is read an error.
	strictContext bool
	// debug asks for notes on what orch does.
	debug     bool
	publish   string
	junitFile string
	// builderTimeout is how long the builder may say nothing; 0 is the default.
	builderTimeout time.Duration
	// loads collects the images that are loaded together; nil if there are none.
	loads *buildkit.Loads
	// earlier are the targets that an earlier run has built.
	earlier []*runner.RecordTarget
	// publication is what is to be published together, or nil.
	publication *publication
}

// shown reports whether there is more on the screen than failures.
func (o *runOptions) shown() bool {
	return o.progress != "quiet" && o.progress != "none" && o.progress != "rawjson"
}

// runBake plans and builds the chosen targets, and prints what came of it.
func runBake(ctx context.Context, e *env, cfg *config.Config, opt runOptions) error {
	e.collectLess()
	ctx, end := e.trace(ctx, "orch bake")
	defer end()
	var plan *planner.Plan
	var diags hcl.Diagnostics
	err := interrupt.Until(ctx, func() { plan, diags = checkedPlan(e, cfg, localPlatform(), false) })
	if err != nil {
		return err
	}
	if err := e.report(diags, cfg.Sources, plan.Sources); err != nil {
		return err
	}
	if err := checkDocker(ctx, plan); err != nil {
		return err
	}
	if opt.builderTimeout, err = e.builderTimeout(); err != nil {
		return err
	}
	ready := e.preparePublication(ctx, plan, opt)
	builder, err := opt.builder.connect(ctx, e)
	if err != nil {
		return e.notBegun(ctx, err)
	}
	defer builder.Close()
	if opt.publication, err = ready(); err != nil {
		return e.notBegun(ctx, err)
	}
	if builder.Platform != "" && builder.Platform != localPlatform() {
		if plan, err = planFor(e, cfg, builder.Platform); err != nil {
			return err
		}
	}
	mask := newMask(e, cfg)
	e.noteTo(opt.debug, mask)
	logrus.Debugf("plan: %d targets, %d vertices", len(plan.Builds), len(plan.Graph.Vertices))
	logrus.Debugf("builder: %s, %s", builder.Name, builder.Platform)
	kept := newKeeper(e, cfg, mask, opt.earlier)
	loads, clean, err := collectLoads(plan)
	if err != nil {
		return err
	}
	defer clean()
	opt.loads = loads
	report, err := carryOut(ctx, e, plan, builder, mask, kept, opt)
	if report == nil {
		return e.abandoned(ctx, opt, err)
	}
	report.LoadErr = loadImages(ctx, loads, report)
	if err == nil && report.OK() && report.LoadErr == nil && ctx.Err() == nil && opt.publication != nil {
		report.PublishErr = e.publishTags(ctx, opt.publication.Publisher, report, opt.earlier)
	}
	return showRun(ctx, e, report, kept, opt, err)
}

// newMask knows the secrets that are known before the run.
func newMask(e *env, cfg *config.Config) *buildkit.Mask {
	mask := &buildkit.Mask{}
	for _, v := range slices.Concat(cfg.Sensitive(), config.Credentials(e.args...)) {
		mask.Add(v)
	}
	for _, t := range cfg.Targets {
		for _, s := range t.Secrets {
			if v := e.getenv(s.Env); s.Env != "" {
				mask.Add(v)
			}
		}
	}
	return mask
}

// planFor makes the plan, or prints what is wrong.
func planFor(e *env, cfg *config.Config, platform string) (*planner.Plan, error) {
	var plan *planner.Plan
	var diags hcl.Diagnostics
	err := interrupt.Until(e.ctx, func() {
		plan, diags = planner.New(cfg, planner.Options{Files: planner.Disk{}, BuildPlatform: platform, Policies: e.policySets()})
	})
	if err != nil {
		return nil, err
	}
	return plan, e.report(diags, cfg.Sources, plan.Sources)
}

// carryOut runs the plan with a progress display. It returns soon after an
// interrupt, even if the builder does not answer any more; then there is no
// report.
func carryOut(ctx context.Context, e *env, plan *planner.Plan, builder *buildkit.Builder,
	mask *buildkit.Mask, kept *keeper, opt runOptions) (*runner.Report, error) {
	progress, err := newProgress(e, opt.progress, kept.logs(), mask)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	policy, err := sourcePolicy(e)
	if err != nil {
		return nil, err
	}
	solver := buildkit.NewSolver(builder, buildkit.Options{
		Progress:  progress,
		Mask:      mask,
		ClientID:  e.clientID(),
		LookupEnv: e.lookup,
		Stdout:    termtext.Raw(e.stdout),
		Load:      dockerLoad,
		Loads:     opt.loads,
		Redial: func(ctx context.Context) (*buildkit.Builder, error) {
			e.sayCrash()
			return opt.builder.connect(ctx, e)
		},
		BuilderTimeout:        opt.builderTimeout,
		NoDefaultAttestations: e.flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"),
		PullFrontend:          opt.pullFrontend,
		SourcePolicy:          policy,
		Contexts:              &contextfs.Watch{Strict: opt.strictContext},
		Credentials:           e.openRegistries().credentials,
		Registry:              e.openRegistries().client,
		ByDigest:              opt.publication.byDigest(),
		Proxies:               proxies(e, mask),
		Git:                   gitOptions(e),
		Provenance:            metadataProvenance(e, opt.metadataFile),
		Policy:                e.policies.evaluator(),
	})
	how := runner.Options{
		Jobs: opt.jobs, KeepGoing: opt.keepGoing, DeferOutput: opt.deferOutput,
		Retry: runner.Retry{Sessions: opt.retries},
		Last:  opt.publication.last(), Leave: leaveAfter,
		Changed: func(r *runner.Report, t *runner.TargetReport) {
			progress.Changed(r, t)
			kept.changed(r, t)
		},
		Settled:  kept.settled,
		Warnings: e.flagged("BUILDX_METADATA_WARNINGS"),
	}
	opt.builder.schedule(ctx, e, &how)
	type ended struct {
		report *runner.Report
		err    error
	}
	done := make(chan ended, 1)
	defer e.holdNotices()()
	go func() {
		report, err := runner.Run(ctx, plan, solver, how)
		progress.Close()
		e.blameCrash(report)
		done <- ended{report, err}
	}()
	select {
	case r := <-done:
		return r.report, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.report, r.err
	case <-time.After(2 * leaveAfter): // the run itself leaves before
	}
	return nil, ctx.Err()
}

// flagged says whether a variable of the environment is set to a true value.
func (e *env) flagged(name string) bool {
	on, err := strconv.ParseBool(e.getenv(name))
	return err == nil && on
}

// newProgress starts the display that fits what standard error is.
func newProgress(e *env, mode, logs string, mask *buildkit.Mask) (*buildkit.Progress, error) {
	if mode == "none" { // the peer's word for quiet
		mode = "quiet"
	}
	opt := buildkit.ProgressOptions{Mode: mode, Out: e.stderr, Terminal: e.terminal(), LogDir: logs, Mask: mask}
	switch ci.Of(e.getenv) {
	case ci.GitHub:
		opt.Groups = buildkit.GitHub
	case ci.GitLab:
		opt.Groups = buildkit.GitLab
	}
	return buildkit.NewProgress(opt)
}

// writeFiles writes the files that were asked for, whatever came of the run.
func writeFiles(report *runner.Report, kept *keeper, opt runOptions) error {
	var problems []error
	if opt.resultFile != "" {
		problems = append(problems, writeResult(opt.resultFile, report, kept))
	}
	if opt.junitFile != "" {
		problems = append(problems, writeJUnit(opt.junitFile, report))
	}
	if opt.metadataFile != "" {
		problems = append(problems, writeMetadata(opt.metadataFile, report))
	}
	if opt.reportFile != "" {
		problems = append(problems, writeTimeline(opt.reportFile, report, kept))
	}
	return errors.Join(problems...)
}

// writeResult writes the record of the run where the user wants it.
func writeResult(path string, report *runner.Report, kept *keeper) error {
	data, err := kept.encode(report)
	if err == nil {
		err = output.WriteFile(path, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing result file: %w", err)
	}
	return nil
}
