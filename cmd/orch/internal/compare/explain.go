package compare

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/gittree"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/explain"
	"github.com/orch-build/orch/planner/explain/since"
	"github.com/orch-build/orch/planner/facts"
	"github.com/orch-build/orch/runner/foresight"
	"github.com/orch-build/orch/runner/predict"
	"github.com/orch-build/orch/runner/record"
)

// explainFlags say what targets are compared with.
type explainFlags struct {
	run, base           string
	last, json, resolve bool
	record              bool
}

// NewExplainCommand makes the command that says why targets are built.
func NewExplainCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var flags explainFlags
	cmd := &cobra.Command{
		Use:     "explain [TARGET[@STAGE[-STEP]]…]",
		Aliases: []string{"why"},
		Short:   "Say why targets are built: what has changed, and which steps will run for it",
		Long: `explain compares targets with the last run here that built them, and names what
differs: a file, an argument, an instruction, a base image, with what it was and
what it is, and since which commit. Then it lists the steps that will run, for
which reason, and about how long they take. Nothing is built.

With --run it compares with another run that is kept here, and with --base with a
commit, as orch affected does. With --record it compares with the build that the
image in the registry came of, if a record of it is kept there. With --last it prints why the last run built what
it built, and whether the steps ran that were predicted.`,
		Example: `  orch explain                    the default group, against the last run
  orch explain api web            two targets
  orch explain api@build          the steps of one stage
  orch explain api@build-3        why this step will run
  orch explain api --base main    against the commit where main parted
  orch explain api --record       against the image that its tag points to
  orch explain --last             why the last run built what it built`,
		ValidArgsFunction: CompleteParts(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := flags.explain(cmd.Context(), e, &load, args)
			if err != nil {
				return err
			}
			if flags.json {
				return x.JSON(termtext.JSONWriter(e.Stdout))
			}
			return x.Text(e.Stdout, time.Now())
		},
	}
	load.Register(cmd, e)
	f := cmd.Flags()
	load.RegisterLook(f)
	load.RegisterLock(f)
	f.StringVar(&flags.run, "run", "", "compare with the run of this `ID`, or of what it begins with")
	f.StringVar(&flags.base, "base", "", "compare with where `REF` and the working tree parted")
	f.BoolVar(&flags.last, "last", false, "why the last run built what it built, or that of --run")
	f.BoolVar(&flags.record, "record", false, "compare with the record of the image that the tag of a target points to")
	f.BoolVar(&flags.resolve, "resolve", false, "ask registries what the base images are")
	f.BoolVar(&flags.json, "json", false, "print as JSON")
	return cmd
}

// explain explains the named targets.
func (f *explainFlags) explain(ctx context.Context, e *planning.Session, load *planning.Flags, args []string) (*explain.Explanation, error) {
	if f.base != "" && (f.run != "" || f.last) {
		return nil, usage.Errorf("--base does not go with --run and --last")
	}
	if load.Offline && (f.record || f.resolve) {
		return nil, usage.Errorf("--record and --resolve ask registries, and --offline forbids that")
	}
	if f.record {
		if f.base != "" || f.run != "" || f.last {
			return nil, usage.Errorf("--record does not go with --base, --run and --last")
		}
		f.resolve = true // records know images by their digests
		load.Overrides = append(slices.Clone(load.Overrides), "*.skip.mode=proven")
	}
	store, _, err := record.Project(e.Getenv)
	if err != nil {
		return nil, err
	}
	runs := predict.RunsOf(store)
	id := ""
	if f.run != "" {
		if id, err = runs.Find(f.run); err != nil {
			return nil, usage.Errorf("--run: %w", err)
		}
	}
	names, parts := splitParts(args)
	var x *explain.Explanation
	if f.last {
		x, err = runs.LastExplanation(id, names)
		err = usage.Wrap(err)
	} else {
		x, err = (&asked{f, e, load, names}).compare(ctx, runs, id)
	}
	if err != nil {
		return nil, err
	}
	for name, part := range parts {
		for _, t := range x.Targets {
			if t.Name != name {
				continue
			}
			if err := t.Only(part); err != nil {
				return nil, usage.Errorf("%w", err)
			}
		}
	}
	return x, nil
}

// splitParts takes the stages and steps off the names of targets.
func splitParts(args []string) (names []string, parts map[string]string) {
	parts = map[string]string{}
	for _, a := range args {
		name, part, ok := strings.Cut(a, "@")
		if config.IsRemote(a) {
			name, ok = a, false
		}
		names = append(names, name)
		if ok {
			parts[name] = part
		}
	}
	return names, parts
}

// asked is what is to be explained: targets of a definition, and against what.
type asked struct {
	*explainFlags
	session *planning.Session
	load    *planning.Flags
	args    []string
}

// planAll plans all targets of the definition, or else those of cfg: what else a change
// touches is worth knowing, but no reason to fail, or to ask.
func planAll(ctx context.Context, e *planning.Session, load *planning.Flags, cfg *config.Config, platform string) (*config.Config, *planner.Plan, error) {
	how := planning.Options{Platform: platform}
	all, err := load.Loader.Resolve(ctx, func(o *config.Options) { o.Targets, o.All = nil, true })
	if err == nil && !all.Diags.HasErrors() && load.MayFetch(all.Config) {
		whole := all.Config.WithoutTemplates()
		template := slices.ContainsFunc(cfg.Chosen, func(name string) bool { return whole.Target(name) == nil })
		if template {
			whole = all.Config
		}
		if plan, diags, err := e.MakePlan(ctx, whole, how); err == nil && !diags.HasErrors() {
			return whole, plan, e.Report(diags, whole.Sources, plan.Sources)
		}
	}
	plan, err := e.Planned(ctx, cfg, how)
	return cfg, plan, err
}

// compare explains what the targets are now.
func (a *asked) compare(ctx context.Context, runs predict.Runs, id string) (*explain.Explanation, error) {
	e, load := a.session, a.load
	e.Policies = planning.NewPolicies(ctx, e, &load.Builder)
	defer e.Policies.Close()
	flagged := *load
	args, err := load.Open(e, a.args)
	if err != nil {
		return nil, err
	}
	a.load, a.args = &flagged, args // before anything was opened
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets = args }, e.WholeFor)
	if err != nil {
		return nil, err
	}
	if err := load.AllowedToFetch(ctx, e, cfg); err != nil {
		return nil, err
	}
	names := cfg.Chosen
	last := runs.Last()
	builder, platform, err := foreseen(e, load, last)
	if err != nil {
		return nil, err
	}
	cfg, plan, err := planAll(ctx, e, load, cfg, platform)
	load.Loader.Close()
	if err != nil {
		return nil, err
	}
	s, err := snapshotOf(ctx, e, cfg, plan, planning.Lookup(a.resolve))
	if err != nil {
		return nil, err
	}
	state, err := statedir.Default(e.Getenv)
	if err != nil {
		return nil, err
	}
	known := predict.OpenBook(state, builder)
	x := runs.Explain(s.Facts, names, known)
	if id != "" {
		one := runs.Open(id)
		if one == nil {
			return nil, usage.Errorf("--run: it is not known any more what the run %s was made of", id)
		}
		x.Targets = explain.Compare(one.Snapshot, s.Facts, one.Against, names, known)
	}
	if a.base != "" {
		af := a.affected(a.base)
		rev, err := af.baseCommit(ctx)
		if err != nil {
			return nil, usage.Errorf("--base: %w", err)
		}
		if err := a.against(ctx, x.Targets, s, explain.Against{Kind: "ref", ID: a.base, Commit: rev}); err != nil {
			return nil, err
		}
	}
	if a.record {
		if err := a.againstRecords(ctx, cfg, x, s); err != nil {
			return nil, err
		}
	}
	since.Complete(ctx, ".", x)
	return x, nil
}

// foreseen is the builder that a run would use now, under the name by which its
// steps are known, and its platform. Of a builder with several nodes it is the
// one of the last run: which another run would take is known when it is reached.
func foreseen(e *planning.Session, load *planning.Flags, last *predict.Earlier) (builder, platform string, err error) {
	names, err := e.BuilderNames(&load.Builder)
	if err != nil {
		return "", "", err
	}
	if slices.Contains(names, last.Builder) {
		return last.Builder, cmp.Or(last.Snapshot.Platform, machine.LocalPlatform()), nil
	}
	if len(names) == 1 {
		builder = names[0]
	}
	if last.Builder != "" {
		fmt.Fprintf(e.Stderr, "The last run here was on %s; the steps are those for %s.\n", last.Builder, cmp.Or(builder, names[0]))
	}
	return builder, machine.LocalPlatform(), nil
}

// affected are the flags of orch affected for a commit.
func (f *explainFlags) affected(base string) *affectedFlags {
	return &affectedFlags{base: base, head: gittree.Worktree, kind: "publish", resolve: f.resolve, present: true}
}

// against puts what differs from a commit in the place of what differs from a
// run. The steps stay those that will run here.
func (a *asked) against(ctx context.Context, targets []*explain.Target, s *foresight.Snapshot, with explain.Against) (err error) {
	af := a.affected(with.Commit)
	var states [2]*side
	for i, at := range []string{with.Commit, gittree.Worktree} {
		if states[i], err = af.state(ctx, a.session, a.load, a.args, at); err != nil {
			return err
		}
	}
	opt := s.Options
	opt.Commit = with.Commit
	hideBoth(&opt, states)
	var sides [2]*facts.Snapshot
	for i, side := range states {
		sides[i] = facts.Take(side.Plan, side.Digests, nil, opt)
	}
	names := (&explain.Explanation{Targets: targets}).Names()
	for _, t := range explain.Compare(sides[0], sides[1], with, names, nil) {
		for _, mine := range targets {
			if mine.Name == t.Name {
				mine.Differs(t)
			}
		}
	}
	return nil
}

// hideBoth hides what either side calls sensitive on both: a value that is a
// secret at one of them has the same text at the other.
func hideBoth(opt *facts.Options, states [2]*side) {
	hide := &mask.Mask{}
	for _, side := range states {
		for _, v := range side.sensitive {
			hide.Add(v)
		}
	}
	also := opt.Mask
	opt.Mask = func(text string) string { return hide.Text(also(text)) }
	opt.Sensitive = func(_, value string) bool { return opt.Mask(value) != value }
}
