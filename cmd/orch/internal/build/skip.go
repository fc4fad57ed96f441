package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/publish"
	"github.com/orch-build/orch/runner/skip"
)

// skip finds the targets that need not be built, and leaves the plan of the
// others; platform is the builder's.
func (r *Run) skip(ctx context.Context, platform string) error {
	if !skip.Records(r.plan) || r.Opt.Narrow == nil {
		return nil
	}
	whole, err := r.wholePlan(ctx, platform)
	if err != nil {
		return err
	}
	if err := r.Report(skip.Check(whole), r.cfg.Sources); err != nil {
		return err
	}
	if r.skips, err = r.decide(ctx, whole, platform); r.skips == nil {
		return err
	}
	r.skipPlatform, r.whole = platform, whole
	r.skips.Later = r.Opt.Shard != nil
	r.saySkipped()
	return r.narrow(ctx, platform)
}

// decide looks for the records of the targets of a plan; nil if nothing is skipped.
func (r *Run) decide(ctx context.Context, whole *planner.Plan, platform string) (*skip.Session, error) {
	digests, err := r.Digests(ctx, whole)
	if ctx.Err() != nil {
		return nil, notBegun(ctx, r.Session, ctx.Err())
	}
	if err != nil {
		r.Notices.Warn(fmt.Sprintf("nothing is skipped and no record kept, because the digests of the targets are not known: %v", err))
		return nil, nil
	}
	how := &skip.Run{BuildPlatform: platform, Settings: []string{strconv.FormatBool(r.Flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"))}}
	if platform == "" {
		how.BuildPlatform = machine.LocalPlatform()
	}
	if r.Opt.PullFrontend {
		how.Frontend = "--frontend=pull has another frontend read its Dockerfile"
	}
	session, err := NewSkipper(r.Session).Begin(ctx, how, whole, digests, r.Getenv)
	if err == nil {
		return session, nil
	}
	if ctx.Err() != nil {
		return nil, notBegun(ctx, r.Session, err)
	}
	var diags fault.Diagnostics
	if errors.As(err, &diags) {
		return nil, r.Report(diags, r.cfg.Sources)
	}
	return nil, usage.Wrap(err)
}

// Proven says of which targets of a plan the result is there already, by their
// records; platform is the builder's.
func Proven(ctx context.Context, e *planning.Session, cfg *config.Config, plan *planner.Plan, platform string, opt Options) (map[string]bool, error) {
	r := &Run{Session: e, Opt: opt, cfg: cfg, plan: plan}
	if !skip.Asked(plan) {
		return nil, nil
	}
	if err := r.Report(skip.Check(plan), cfg.Sources); err != nil {
		return nil, err
	}
	session, err := r.decide(ctx, plan, platform)
	if session == nil {
		return nil, err
	}
	out := map[string]bool{}
	for name := range session.Verdicts {
		out[name] = true
	}
	return out, nil
}

// NewSkipper makes what skips and records builds.
func NewSkipper(e *planning.Session) *skip.Skipper {
	s := &skip.Skipper{Client: e.OpenRegistries().Client, Warn: e.Notices.Warn}
	if dir, err := statedir.Default(e.Getenv); err == nil {
		s.Memory = skip.Memory(filepath.Join(dir, "skip"))
	}
	return s
}

// wholePlan is the plan of what is skipped and recorded: of whole targets, also
// where only some of their platforms are built.
func (r *Run) wholePlan(ctx context.Context, platform string) (*planner.Plan, error) {
	if r.Opt.Parts == nil {
		return r.plan, nil
	}
	plan, diags, err := r.MakePlan(ctx, r.Opt.Parts.Whole, planning.Options{Platform: platform})
	if err == nil && diags.HasErrors() {
		err = r.Report(diags, r.cfg.Sources, plan.Sources)
	}
	return plan, err
}

// part is what is built of a definition of some of the targets.
func (r *Run) part(cfg *config.Config) *config.Config {
	if r.Opt.Parts == nil {
		return cfg
	}
	return r.Opt.Parts.Take(cfg, r.whole)
}

// narrow plans only what is built.
func (r *Run) narrow(ctx context.Context, platform string) error {
	rest := r.skips.Rest()
	if len(r.skips.Verdicts) == 0 || len(rest) == 0 {
		return nil
	}
	cfg, err := r.Opt.Narrow(ctx, rest)
	if err != nil {
		return err
	}
	cfg = r.part(cfg)
	// What is wrong with it was said of the whole.
	plan, diags, err := r.MakePlan(ctx, cfg, planning.Options{Platform: platform})
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return r.Report(diags, cfg.Sources, plan.Sources)
	}
	r.plan = plan
	return nil
}

// mostReasons bounds how many targets are named with the reason why they are
// built.
const mostReasons = 5

// saySkipped says what is skipped, and why the rest is not.
func (r *Run) saySkipped() {
	names := slices.Sorted(maps.Keys(r.skips.Unskipped))
	for _, name := range names {
		logrus.Debugf("skip: %s is built: %s", name, r.skips.Unskipped[name])
	}
	if !r.Opt.Shown() || !skip.Asked(r.plan) {
		return
	}
	wanted := len(r.skips.Verdicts) + len(r.skips.Rest())
	fmt.Fprintf(r.Stderr, "Skipped: %d of %s, whose result is there already\n", len(r.skips.Verdicts), termtext.Count(wanted, "target"))
	for i, name := range names {
		if i == mostReasons {
			fmt.Fprintf(r.Stderr, "  and %d more are built\n", len(names)-i)
			break
		}
		fmt.Fprintf(r.Stderr, "  %s is built: %s\n", name, r.cfg.Mask(r.skips.Unskipped[name]))
	}
}

// allSkipped says whether nothing is left to be built.
func (r *Run) allSkipped() bool { return r.skips != nil && len(r.skips.Rest()) == 0 }

// tagMover returns what moves the tags of the run; nil if that is the builder,
// or nobody.
func (r *Run) tagMover() (*publish.Publisher, error) {
	if r.publication != nil {
		return r.publication.Publisher, nil
	}
	if r.skips != nil && r.skips.Moves() {
		return r.Publisher()
	}
	return nil, nil
}

// publish moves the tags of a good run, and records what was built.
func (r *Run) publish(ctx context.Context, run *runner.Report) {
	p, err := r.tagMover()
	if err != nil {
		run.PublishErr = err
		return
	}
	if run.AuditErr = r.audit(ctx); run.AuditErr != nil {
		return
	}
	if p != nil {
		publication.Keep(ctx, p, run)
	}
	pushed := skip.Digests(run)
	if p != nil {
		if run.PublishErr = PublishTags(ctx, r.Session, p, run, r.Opt.Earlier); run.PublishErr != nil {
			return
		}
	}
	if r.skips == nil || ctx.Err() != nil || len(r.skips.Rest()) == 0 {
		return
	}
	if err := r.keepRecords(ctx, run, pushed); err != nil && ctx.Err() == nil {
		r.Notices.Warn(fmt.Sprintf("no records of the builds are kept, so that they cannot be skipped: %v", err))
	}
}

// keepRecords writes the records of what the run has built.
func (r *Run) keepRecords(ctx context.Context, run *runner.Report, pushed map[string]string) error {
	if len(r.skips.Targets) == len(r.skips.Verdicts) {
		return nil
	}
	list, about, err := r.recordable(ctx, run, pushed)
	if err == nil {
		r.skips.Write(ctx, about, list)
	}
	return err
}

// recordable lists what the run has built and can be recorded.
func (r *Run) recordable(ctx context.Context, run *runner.Report, pushed map[string]string) ([]skip.Built, skip.About, error) {
	now, err := r.Digests(ctx, r.whole)
	if err != nil {
		return nil, skip.About{}, err
	}
	about := skip.About{Orch: version.Stamped, Run: r.Record.ID()}
	if sha, err := gitfact.Read(".", "sha"); err == nil {
		about.Commit = fmt.Sprint(sha)
	}
	if dirty, err := gitfact.Read(".", "dirty"); err == nil {
		about.Dirty, _ = dirty.(bool)
	}
	return r.skips.Built(run, r.whole, pushed, now), about, nil
}
