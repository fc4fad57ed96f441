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
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner/merge"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/times"
)

// planShardFlags ask for a plan of shards.
type planShardFlags struct {
	shards, by  string
	most        int
	waves, push bool
	times       []string

	count int // 0 is auto
	parts shard.By
}

// mostJobs is how many jobs the matrix of a CI system may have.
const mostJobs = 256

func (f *planShardFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.shards, "shards", "", "divide the targets among `N` jobs; auto chooses the number")
	flags.IntVar(&f.most, "max-jobs", mostJobs, "at most `N` shards")
	flags.StringVar(&f.by, "by", "target,platform", "what may be in different shards: `WHAT` is target, platform or both")
	flags.BoolVar(&f.waves, "waves", false, "build the stages that several shards need in a job before them, into the cache of the lane")
	flags.BoolVar(&f.push, "push", false, "the shards push their images: --set=*.push=true")
	flags.StringArrayVar(&f.times, "times", nil, "take the times of stages from the result `FILE` of an earlier run; may be repeated")
}

func (f *planShardFlags) asked() bool { return f.shards != "" }

// check reads the flags, before the definition is.
func (f *planShardFlags) check(flags *pflag.FlagSet, load *loadFlags) error {
	if !f.asked() {
		for _, name := range []string{"max-jobs", "by", "waves", "push", "times"} {
			if flags.Changed(name) {
				return usagef("--%s goes with --shards", name)
			}
		}
		return nil
	}
	for _, name := range []string{"files", "digests", "json", "resolve"} {
		if flags.Changed(name) {
			return usagef("--%s and --shards contradict each other", name)
		}
	}
	if f.most < 1 {
		return usagef("--max-jobs %d: it must be 1 or more", f.most)
	}
	if f.shards != "auto" {
		n, err := strconv.Atoi(f.shards)
		if err != nil || n < 1 {
			return usagef("--shards %q: write a number of 1 or more, or auto", f.shards)
		}
		if n > f.most {
			return usagef("--shards %d is more than --max-jobs, which is %d", n, f.most)
		}
		f.count = n
	}
	for what := range strings.SplitSeq(f.by, ",") {
		switch strings.TrimSpace(what) {
		case "target":
			f.parts.Target = true
		case "platform":
			f.parts.Platform = true
		default:
			return usagef("--by %q: there are target, platform, and target,platform", f.by)
		}
	}
	if f.push {
		load.Overrides = append(load.Overrides, "*.push=true")
	}
	return nil
}

// planShardsInput is what else the command line of a plan of shards says.
type planShardsInput struct {
	targets        []string
	format, output string
	since          []string
}

// run makes the plan, writes it where it is to go, and prints it.
func (f *planShardFlags) run(ctx context.Context, e *env, load *loadFlags, in planShardsInput) error {
	if !slices.Contains(shard.Formats, in.format) {
		return usagef("--format %q is not one of %s, which there are with --shards", in.format, strings.Join(shard.Formats, ", "))
	}
	file, err := f.make(ctx, e, load, in)
	if err != nil {
		return err
	}
	if in.output != "" && in.output != "-" {
		data, err := file.Encode()
		if err != nil {
			return err
		}
		if err := output.WriteFile(in.output, data, 0o644); err != nil {
			return usagef("writing the plan of shards: %w", err)
		}
	} else if in.output == "-" {
		in.format = "json"
	}
	jobs := shard.Jobs{Plan: cmp.Or(in.output, defaultPlan)}
	jobs.Image, jobs.Tags = ci.Runner(e.getenv)
	out := e.stdout
	if in.format != "text" {
		out = termtext.Raw(out)
	}
	return file.Write(out, in.format, jobs)
}

// make makes the plan.
func (f *planShardFlags) make(ctx context.Context, e *env, load *loadFlags, in planShardsInput) (*shard.File, error) {
	targets, none, err := load.narrow(ctx, e, in.targets, in.since)
	if err != nil {
		return nil, err
	}
	if none {
		return f.nothing("no target has changed since " + strings.Join(in.since, " or "))
	}
	var asked time.Time
	cfg, err := load.resolve(ctx, e, func(o *config.Options) {
		o.Targets, o.Host = targets, nil
		o.Now = func() time.Time {
			if asked.IsZero() {
				asked = time.Now()
			}
			return time.Unix(asked.Unix(), 0).UTC()
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	if err := load.allowedToPlan(ctx, e, cfg); err != nil {
		return nil, err
	}
	platform := localPlatform()
	plan, sums, err := e.shardPlan(ctx, cfg, platform)
	if err != nil {
		return nil, err
	}
	known, err := f.recorded(e)
	if err != nil {
		return nil, err
	}
	file, err := shard.Make(plan, shard.Options{
		Count: f.count, Most: f.most, By: f.parts, Waves: f.waves, Times: known, BuildPlatform: platform, Digest: sums,
	})
	if err != nil {
		return nil, usagef("%w", err)
	}
	if len(file.Targets) == 0 {
		file.Reason = "the definition has no target to build"
	}
	file.Definition = load.definition(cfg.Mask)
	if !asked.IsZero() {
		file.Definition.Time = asked.Unix()
	}
	file.Orch = version
	return file, file.Seal()
}

// nothing is a plan without targets.
func (f *planShardFlags) nothing(reason string) (*shard.File, error) {
	file, err := shard.Make(&planner.Plan{Graph: &planner.Graph{}}, shard.Options{
		Count: f.count, BuildPlatform: localPlatform(),
		Times: shard.Times{},
	})
	if err != nil {
		return nil, err
	}
	file.Reason, file.Orch = reason, version
	return file, file.Seal()
}

// definition is what the command line says of the definition, for the jobs. A
// value that is secret is left out: they have to say it again.
func (l *loadFlags) definition(mask func(string) string) shard.Definition {
	open := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return mask(s) != s })
	}
	return shard.Definition{
		URL: open([]string{l.URL})[0], CmdContext: l.CmdContext, Files: l.Files, VarFiles: l.VarFiles,
		Set: open(l.Overrides), Vars: open(l.Vars),
	}
}

// recorded are the times of earlier runs in this folder, and of the files that
// --times names.
func (f *planShardFlags) recorded(e *env) (shard.Times, error) {
	dir := ""
	if store, _, err := record.Project(e.getenv); err == nil {
		dir = store.Dir()
	}
	book := times.Load(dir)
	for _, path := range f.times {
		rec, err := merge.ReadRecord(path)
		if err != nil {
			return shard.Times{}, usagef("--times: %w", err)
		}
		book.Note(merge.Report(rec))
	}
	known := book.Times()
	return shard.Times{
		Vertex: known.Vertex, Export: known.Export,
		Recorded: func(v *planner.Vertex) bool { _, ok := book.Of(v); return ok },
	}, nil
}

// shardPlan makes the plan of whole targets, and the sums by which a shard knows
// that it is of the same commit. They depend on nothing but the definition and
// the files: not on what this machine knows of images, nor on its umask.
func (e *env) shardPlan(ctx context.Context, cfg *config.Config, platform string) (*planner.Plan, func(*planner.Build) string, error) {
	plan, err := e.planned(ctx, cfg, planning{platform: platform})
	if err != nil {
		return nil, nil, err
	}
	memory := e.projectMemory()
	defer memory.flush()
	read := inputs.Options{Memory: memory.planner()}
	in, diags := inputs.Compute(plan, read)
	if err := e.report(diags, plan.Sources); err != nil {
		return nil, nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, nil, err
	}
	all, err := digest.Compute(ctx, plan, in.Reads, digest.Options{
		BuildPlatform: platform, Memory: read.Memory, Project: dir, GitModes: true, Images: &imageconfig.Resolver{},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("summing up the inputs of the targets: %w", err)
	}
	return plan, func(b *planner.Build) string { return all.Target(b).Publication }, nil
}
