package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/skip"
)

// skipFlag is what a flag says of the skip block of every target.
func skipFlag(attr, value string) config.Override {
	return config.Override{
		Pattern: "*", Key: "skip", Sub: attr, HasSub: true, Value: value, HasValue: true, Text: "*.skip." + attr + "=" + value,
	}
}

// digests computes the digests of a plan as they are now, for a builder's
// platform; "" is that of this machine. Registries are asked what base images are.
func (e *env) digests(ctx context.Context, plan *planner.Plan, platform string) (*digest.Digests, error) {
	memory := e.projectMemory()
	defer memory.flush()
	return e.digestsOf(ctx, plan, platform, memory.planner())
}

// digestsOf computes digests with what is remembered.
func (e *env) digestsOf(ctx context.Context, plan *planner.Plan, platform string, memory inputs.Memory) (*digest.Digests, error) {
	reads, diags := inputs.Read(plan, inputs.Options{Now: time.Now(), Memory: memory})
	if diags.HasErrors() {
		return nil, diags
	}
	opt, err := e.digestOptions(cmp.Or(platform, localPlatform()), memory, e.images(true))
	if err != nil {
		return nil, err
	}
	return digest.Compute(ctx, plan, reads, opt)
}

// skip finds the targets that need not be built, and leaves the plan of the
// others; platform is that of the builder.
func (r *buildRun) skip(ctx context.Context, platform string) error {
	// A shard moves no tag, and so does not know what its targets come to.
	if !skip.Records(r.plan) || r.opt.narrow == nil || r.opt.shard != nil {
		return nil
	}
	if err := r.report(skip.Check(r.plan), r.cfg.Sources); err != nil {
		return err
	}
	digests, err := r.digests(ctx, r.plan, platform)
	if ctx.Err() != nil {
		return r.notBegun(ctx, ctx.Err())
	}
	if err != nil {
		r.notices.Warn(fmt.Sprintf("nothing is skipped and no record kept, because the digests of the targets are not known: %v", err))
		return nil
	}
	s := &skip.Skipper{Client: r.openRegistries().client, Warn: r.notices.Warn}
	if dir, err := embedded.DefaultStateDir(r.getenv); err == nil {
		s.Memory = skip.Memory(filepath.Join(dir, "skip"))
	}
	how := &skip.Run{BuildPlatform: platform, Settings: []string{strconv.FormatBool(r.flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"))}}
	if platform == "" {
		how.BuildPlatform = localPlatform()
	}
	if r.opt.pullFrontend {
		how.Frontend = "--frontend=pull has another frontend read its Dockerfile"
	}
	if r.skips, err = s.Begin(ctx, how, r.plan, digests, r.getenv); err != nil {
		if ctx.Err() != nil {
			return r.notBegun(ctx, err)
		}
		var diags fault.Diagnostics
		if errors.As(err, &diags) {
			return r.report(diags, r.cfg.Sources)
		}
		return usage.Wrap(err)
	}
	r.skipPlatform = platform
	r.saySkipped()
	return r.narrow(ctx, platform)
}

// narrow plans only what is built.
func (r *buildRun) narrow(ctx context.Context, platform string) error {
	rest := r.skips.Rest()
	if len(r.skips.Verdicts) == 0 || len(rest) == 0 {
		return nil
	}
	cfg, err := r.opt.narrow(ctx, rest)
	if err != nil {
		return err
	}
	// What is wrong with it was said of the whole.
	plan, diags, err := r.makePlan(ctx, cfg, planning{platform: platform})
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return r.report(diags, cfg.Sources, plan.Sources)
	}
	r.plan = plan
	return nil
}

// mostReasons bounds how many targets are named with the reason why they are
// built.
const mostReasons = 5

// saySkipped says what is skipped, and why the rest is not.
func (r *buildRun) saySkipped() {
	names := slices.Sorted(maps.Keys(r.skips.Unskipped))
	for _, name := range names {
		logrus.Debugf("skip: %s is built: %s", name, r.skips.Unskipped[name])
	}
	if !r.opt.shown() || !skip.Asked(r.plan) {
		return
	}
	wanted := len(r.skips.Verdicts) + len(r.skips.Rest())
	fmt.Fprintf(r.stderr, "Skipped: %d of %s, whose result is there already\n", len(r.skips.Verdicts), termtext.Count(wanted, "target"))
	for i, name := range names {
		if i == mostReasons {
			fmt.Fprintf(r.stderr, "  and %d more are built\n", len(names)-i)
			break
		}
		fmt.Fprintf(r.stderr, "  %s is built: %s\n", name, r.cfg.Mask(r.skips.Unskipped[name]))
	}
}

// allSkipped says whether nothing is left to be built.
func (r *buildRun) allSkipped() bool { return r.skips != nil && len(r.skips.Rest()) == 0 }

// tagMover returns what moves the tags of the run; nil if that is the builder,
// or nobody.
func (r *buildRun) tagMover() (*publish.Publisher, error) {
	if r.publication != nil {
		return r.publication.Publisher, nil
	}
	if r.skips != nil && r.skips.Moves() {
		return r.publisher()
	}
	return nil, nil
}

// publish moves the tags of a good run, and records what was built.
func (r *buildRun) publish(ctx context.Context, run *runner.Report) {
	p, err := r.tagMover()
	if err != nil {
		run.PublishErr = err
		return
	}
	if run.AuditErr = r.audit(ctx); run.AuditErr != nil {
		return
	}
	pushed := skip.Digests(run)
	if p != nil {
		if run.PublishErr = r.publishTags(ctx, p, run, r.opt.earlier); run.PublishErr != nil {
			return
		}
	}
	if r.skips == nil || ctx.Err() != nil || len(r.skips.Rest()) == 0 {
		return
	}
	if err := r.keepRecords(ctx, run, pushed); err != nil && ctx.Err() == nil {
		r.notices.Warn(fmt.Sprintf("no records of the builds are kept, so that they cannot be skipped: %v", err))
	}
}

// keepRecords writes the records of what the run has built.
func (r *buildRun) keepRecords(ctx context.Context, run *runner.Report, pushed map[string]string) error {
	if len(r.skips.Targets) == len(r.skips.Verdicts) {
		return nil
	}
	now, err := r.digests(ctx, r.plan, r.skipPlatform)
	if err != nil {
		return err
	}
	about := skip.About{Orch: version, Run: r.record.ID()}
	if sha, err := gitfact.Read(".", "sha"); err == nil {
		about.Commit = fmt.Sprint(sha)
	}
	if dirty, err := gitfact.Read(".", "dirty"); err == nil {
		about.Dirty, _ = dirty.(bool)
	}
	r.skips.Write(ctx, about, r.skips.Built(run, r.plan, pushed, now))
	return nil
}

// nowhere is the site of a run that builds nothing.
type nowhere struct{}

func (nowhere) name() string                            { return "" }
func (nowhere) platform() string                        { return "" }
func (nowhere) embedded() bool                          { return false }
func (nowhere) solver(*buildRun) (runner.Solver, error) { return nil, errors.New("nothing is built") }
func (nowhere) Close() error                            { return nil }
func (nowhere) engine() *builder.Engine                 { return nil }
