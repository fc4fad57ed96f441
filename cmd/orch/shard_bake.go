package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/record"
)

// defaultPlan is the file of a plan of shards where none is named.
const defaultPlan = "shards.json"

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
	flags.StringVar(&f.plan, "plan", defaultPlan, "the `FILE` that orch plan --shards has written")
}

// open reads the plan of a shard, and lets the definition be read as it was for
// the plan.
func (f *bakeShardFlags) open(load *loadFlags, b *bakeFlags, args []string) error {
	if !f.shardSet {
		if f.planSet {
			return usagef("--plan goes with --shard I/N")
		}
		return nil
	}
	for flag, set := range map[string]bool{
		"--resume": b.resume, "--print": b.print, "--list": b.list != "", "--affected": len(b.affected) > 0, "--check": b.check,
		"--call": b.call != "build", "--publish": b.publish != "auto",
	} {
		if set {
			return usagef("%s and --shard contradict each other", flag)
		}
	}
	if b.skip != "" {
		return usagef("--skip does not go with --shard: a shard moves no tag, and builds what the plan says. Take --skip out; to leave out what has not changed, " +
			"make the plan with 'orch plan --shards N --affected REF'")
	}
	if len(args) > 0 || len(load.Except) > 0 || len(load.Filters) > 0 {
		return usagef("--shard builds what the plan says: name targets to 'orch plan --shards', not here")
	}
	index, count, err := parseShard(f.shard)
	if err != nil {
		return err
	}
	file, err := readPlan(f.plan)
	if err != nil {
		return err
	}
	if n := len(file.Shards); count != n {
		return usagef("--shard %s: %s has %s", f.shard, f.plan, termtext.Count(n, "shard"))
	}
	f.index, f.file = index, file
	load.asPlanned(file.Definition)
	b.result = cmp.Or(b.result, shard.ResultName(index))
	return nil
}

// parseShard reads I/N.
func parseShard(text string) (index, count int, err error) {
	i, n, ok := strings.Cut(text, "/")
	index, err = strconv.Atoi(i)
	if err == nil {
		count, err = strconv.Atoi(n)
	}
	if !ok || err != nil || index < 0 || count < 0 || index > count {
		return 0, 0, usagef("--shard %q: write the number of a shard and how many there are, such as 2/7", text)
	}
	return index, count, nil
}

// maxPlan bounds the file of a plan of shards.
const maxPlan = 64 << 20

func readPlan(path string) (*shard.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usagef("reading the plan of shards: %w; 'orch plan --shards N -o %s' makes it", err, path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxPlan {
		return nil, usagef("%s is no plan of shards: it is not a file, or too large", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("reading the plan of shards: %w", err)
	}
	file, err := shard.Decode(data)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return file, nil
}

// asPlanned takes over what the command line of the plan said of the definition.
// What is said now comes after it.
func (l *loadFlags) asPlanned(d shard.Definition) {
	if len(l.Files) == 0 {
		l.Files = d.Files
	}
	l.URL, l.CmdContext = cmp.Or(l.URL, d.URL), cmp.Or(l.CmdContext, d.CmdContext)
	l.Overrides = slices.Concat(d.Set, l.Overrides)
	l.Vars = slices.Concat(d.Vars, l.Vars)
	l.VarFiles = slices.Concat(d.VarFiles, l.VarFiles)
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
func (b *bakeRun) bakeShard(ctx context.Context, opts runOptions) error {
	f := &b.flags.shard
	parts := f.parts()
	opts.shard = f.record(parts)
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
	plan, sum, err := b.env.shardPlan(ctx, cfg, f.file.BuildPlatform)
	if err != nil {
		return err
	}
	if err := f.file.Check(parts, plan, sum); err != nil {
		return usagef("--shard %s: %w", f.shard, err)
	}
	if f.index == 0 {
		return b.build(ctx, shard.Waves(cfg, f.file.Wave), opts)
	}
	return b.build(ctx, shard.Narrow(cfg, plan, parts), opts)
}

// resolveAt reads the definition of targets as it was at the time of the plan.
func (b *bakeRun) resolveAt(ctx context.Context, names []string, at int64) (*config.Config, error) {
	return b.load.resolve(ctx, b.env, func(o *config.Options) {
		o.Overrides = b.flags.over(o.Overrides, b.overrides)
		o.Targets = names
		if at != 0 {
			o.Now = func() time.Time { return time.Unix(at, 0).UTC() }
		}
	}, b.env.wholeFor)
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
func (b *bakeRun) emptyShard(opts runOptions) error {
	now := time.Now()
	run := &runner.Report{Plan: &planner.Plan{Graph: &planner.Graph{}}, Started: now, Finished: now}
	rec, err := record.Begin(record.Options{Version: version, Args: b.env.args, Config: &config.Config{}, Shard: opts.shard, Getenv: b.env.getenv})
	if err != nil {
		return err
	}
	if err := rec.WriteResult(opts.resultFile, run); err != nil {
		return err
	}
	fmt.Fprintf(b.env.stderr, "Shard %s has nothing to build.\n", b.flags.shard.shard)
	return nil
}

// sayShard says what is left to do for a good shard.
func (r *buildRun) sayShard(run *runner.Report) {
	s := r.opt.shard
	if s == nil {
		return
	}
	if s.Index == 0 {
		fmt.Fprintf(r.stderr, "The shared stages are in the cache of the lane.\n")
		return
	}
	tags := 0
	for _, t := range run.Targets {
		if t.Result != nil {
			tags += len(t.Result.Unpublished)
		}
	}
	fmt.Fprintf(r.stderr, "Shard %d/%d is done: its result is in %s.", s.Index, s.Count, r.opt.resultFile)
	if tags > 0 {
		fmt.Fprintf(r.stderr, " %s moved by 'orch merge'.", tagsWillBe(tags))
	}
	fmt.Fprintln(r.stderr)
}

func tagsWillBe(n int) string {
	if n == 1 {
		return "1 tag is"
	}
	return fmt.Sprintf("%d tags are", n)
}
