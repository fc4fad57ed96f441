package bake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/sharding"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// bakeShardFlags choose one of the shards of a plan.
type bakeShardFlags struct {
	shard, plan string
	// shardSet and planSet say whether the flags were given: the variable of a
	// job that is empty must not become a run of everything.
	shardSet, planSet bool

	index int
	file  *shard.File // nil if a whole run is wanted
}

func (f *bakeShardFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.shard, "shard", "", "build shard `I/N` of a plan, push by digest, move no tag; 0/N is the job before the shards")
	flags.StringVar(&f.plan, "plan", sharding.DefaultPlan, "the `FILE` that orch plan --shards has written")
}

// open reads the plan of a shard, and lets the definition be read as it was for
// the plan.
func (f *bakeShardFlags) open(load *planning.Flags, b *bakeFlags, args []string) error {
	if !f.shardSet {
		if f.planSet {
			return usage.Errorf("--plan goes with --shard I/N")
		}
		return nil
	}
	for flag, set := range map[string]bool{
		"--resume": b.resume, "--print": b.print, "--list": b.list != "", "--affected": len(b.affected) > 0, "--check": b.check,
		"--call": b.call != "build", "--publish": b.publish != "auto",
	} {
		if set {
			return usage.Errorf("%s and --shard contradict each other", flag)
		}
	}
	if len(args) > 0 || len(load.Except) > 0 || len(load.Filters) > 0 {
		return usage.Errorf("--shard builds what the plan says: name targets to 'orch plan --shards', not here")
	}
	index, count, err := sharding.ParseIndex(f.shard)
	if err != nil {
		return err
	}
	file, err := sharding.ReadPlan(f.plan)
	if err != nil {
		return err
	}
	if n := len(file.Shards); count != n {
		return usage.Errorf("--shard %s: %s has %s", f.shard, f.plan, termtext.Count(n, "shard"))
	}
	f.index, f.file = index, file
	sharding.AsPlanned(load, file.Definition)
	b.result = cmp.Or(b.result, shard.ResultName(index))
	return nil
}

// parts are what the shard builds; for the job before the shards, all targets.
func (f *bakeShardFlags) parts() []shard.Part {
	if f.index > 0 {
		return f.file.Shards[f.index-1].Parts
	}
	var all []shard.Part
	if f.file.Wave != nil {
		for _, t := range f.file.Targets {
			all = append(all, shard.Part{Target: t.Name, Platforms: t.Platforms})
		}
	}
	return all
}

// bakeShard builds one shard.
func (b *bakeRun) bakeShard(ctx context.Context, opts build.Options) error {
	f := &b.flags.shard
	parts := f.parts()
	opts.Shard = f.record(parts)
	if len(parts) == 0 {
		return b.emptyShard(opts)
	}
	var names []string
	for _, p := range parts {
		names = append(names, p.Target)
	}
	cfg, err := b.resolveAt(ctx, names, f.file.Definition.Time)
	if err != nil {
		return err
	}
	plan, sum, err := sharding.ShardPlan(ctx, b.env, cfg, f.file.BuildPlatform)
	if err != nil {
		return err
	}
	if err := f.file.Check(parts, plan, sum); err != nil {
		return usage.Errorf("--shard %s: %w", f.shard, err)
	}
	if f.index == 0 {
		return b.bakeWave(ctx, cfg, plan, opts)
	}
	opts.Narrow = func(ctx context.Context, names []string) (*config.Config, error) {
		return b.onlyAt(ctx, names, f.file.Definition.Time)
	}
	opts.Parts = partsOf(cfg, parts)
	return b.build(ctx, shard.Narrow(cfg, plan, parts), opts)
}

// bakeWave builds the stages that several shards need, but for those that only targets
// need of which a record proves that they are built: the shards skip these.
func (b *bakeRun) bakeWave(ctx context.Context, cfg *config.Config, plan *planner.Plan, opts build.Options) error {
	f := &b.flags.shard
	proven, err := build.Proven(ctx, b.env, cfg, plan, f.file.BuildPlatform, opts)
	if err != nil {
		return err
	}
	wave := f.file.Wave.Needed(plan, proven)
	if left := len(f.file.Wave.Stages) - len(wave.Stages); left > 0 {
		fmt.Fprintf(b.env.Stderr, "%d of %s left out: the results of all targets that need them are there already.\n",
			left, termtext.Count(len(f.file.Wave.Stages), "shared stage"))
	}
	if len(wave.Stages) == 0 {
		return b.emptyShard(opts)
	}
	return b.build(ctx, shard.Waves(cfg, wave), opts)
}

// partsOf says what a shard builds of its targets.
func partsOf(whole *config.Config, parts []shard.Part) *build.Parts {
	return &build.Parts{
		Whole: whole,
		Take: func(some *config.Config, plan *planner.Plan) *config.Config {
			left := slices.DeleteFunc(slices.Clone(parts), func(p shard.Part) bool { return !slices.Contains(some.Chosen, p.Target) })
			return shard.Narrow(some, plan, left)
		},
		Platforms: func(target string) []string {
			for _, p := range parts {
				if p.Target == target {
					return p.Platforms
				}
			}
			return nil
		},
	}
}

// resolveAt reads the definition of targets as it was at the time of the plan.
func (b *bakeRun) resolveAt(ctx context.Context, names []string, at int64) (*config.Config, error) {
	return b.load.Resolve(ctx, b.env, func(o *config.Options) {
		o.Overrides = b.flags.over(o.Overrides, b.overrides)
		o.Targets = names
		setTime(o, at)
	}, b.env.WholeFor)
}

// setTime sets the time of a definition, in seconds since 1970; 0 is now.
func setTime(o *config.Options, at int64) {
	if at != 0 {
		o.Now = func() time.Time { return time.Unix(at, 0).UTC() }
	}
}

// record says in the result what part of the plan it is.
func (f *bakeShardFlags) record(parts []shard.Part) *record.Shard {
	s := &record.Shard{
		Plan: f.file.ID, File: f.plan, Index: f.index, Count: len(f.file.Shards), Filled: f.file.Filled(), Parts: []record.Part{},
	}
	if f.index == 0 {
		return s
	}
	s.Ranks = map[string]int{}
	for i, name := range f.file.Order {
		s.Ranks[name] = i
	}
	for _, p := range parts {
		t := f.file.Target(p.Target)
		s.Parts = append(s.Parts, record.Part{
			Target: p.Target, Platforms: p.Platforms, All: t.Platforms, Tests: t.Tests, Tested: p.Tests,
		})
	}
	return s
}

// emptyShard writes the result of a shard that has nothing to build.
func (b *bakeRun) emptyShard(opts build.Options) error {
	now := time.Now()
	run := &runner.Report{Plan: &planner.Plan{Graph: &planner.Graph{}}, Started: now, Finished: now}
	rec, err := record.Begin(record.Options{Version: version.Stamped, Args: b.env.Args, Config: &config.Config{}, Shard: opts.Shard, Getenv: b.env.Getenv})
	if err != nil {
		return err
	}
	if err := rec.WriteResult(opts.ResultFile, run); err != nil {
		return err
	}
	fmt.Fprintf(b.env.Stderr, "Shard %s has nothing to build.\n", b.flags.shard.shard)
	return nil
}
