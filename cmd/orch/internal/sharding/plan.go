// Package sharding has the commands around builds that are divided among the jobs of
// a CI system: the plan of shards, the merge of their results, and the files of CI
// systems. How one shard is built it does not know; that is package bake.
package sharding

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/ci"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner/merge"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/times"
)

// PlanFlags ask for a plan of shards.
type PlanFlags struct {
	shards, by  string
	kind        string
	most        int
	waves, push bool
	times       []string

	count int // 0 is auto
	parts shard.By
}

// mostJobs is how many jobs the matrix of a CI system may have.
const mostJobs = 256

// Register adds the flags to a command.
func (f *PlanFlags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.shards, "shards", "", "divide the targets among `N` jobs; auto chooses the number")
	flags.IntVar(&f.most, "max-jobs", mostJobs, "at most `N` shards")
	flags.StringVar(&f.by, "by", "target,platform", "what may be in different shards: `WHAT` is target, platform or both")
	flags.BoolVar(&f.waves, "waves", false, "build the stages that several shards need in a job before them, into the cache of the lane")
	flags.StringVar(&f.kind, "affected-kind", compare.Published, "with --affected, `KIND` of changes that count: publish, or build, which leaves out those of tags and the like")
	flags.BoolVar(&f.push, "push", false, "the shards push their images: --set=*.push=true")
	flags.StringArrayVar(&f.times, "times", nil, "take the times of stages from the result `FILE` of an earlier run; may be repeated")
}

// Asked says whether a plan of shards is wanted.
func (f *PlanFlags) Asked() bool { return f.shards != "" }

// Check reads the flags, before the definition is.
func (f *PlanFlags) Check(flags *pflag.FlagSet, load *planning.Flags) error {
	if !f.Asked() {
		for _, name := range []string{"max-jobs", "by", "waves", "push", "times", "affected-kind"} {
			if flags.Changed(name) {
				return usage.Errorf("--%s goes with --shards", name)
			}
		}
		return nil
	}
	for _, name := range []string{"files", "digests", "json", "resolve"} {
		if flags.Changed(name) {
			return usage.Errorf("--%s and --shards contradict each other", name)
		}
	}
	if f.kind != compare.Published && f.kind != compare.Built {
		return usage.Errorf("--affected-kind %q is not one of publish, build", f.kind)
	}
	if f.most < 1 {
		return usage.Errorf("--max-jobs %d: it must be 1 or more", f.most)
	}
	if f.shards != "auto" {
		n, err := strconv.Atoi(f.shards)
		if err != nil || n < 1 {
			return usage.Errorf("--shards %q: write a number of 1 or more, or auto", f.shards)
		}
		if n > f.most {
			return usage.Errorf("--shards %d is more than --max-jobs, which is %d", n, f.most)
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
			return usage.Errorf("--by %q: there are target, platform, and target,platform", f.by)
		}
	}
	if f.push {
		load.Overrides = append(load.Overrides, "*.push=true")
	}
	return nil
}

// Input is what else the command line of a plan of shards says.
type Input struct {
	Targets        []string
	Format, Output string
	Since          []string
}

// Run makes the plan, writes it where it is to go, and prints it.
func (f *PlanFlags) Run(ctx context.Context, e *planning.Session, load *planning.Flags, in Input) error {
	if !slices.Contains(shard.Formats, in.Format) {
		return usage.Errorf("--format %q is not one of %s, which there are with --shards", in.Format, strings.Join(shard.Formats, ", "))
	}
	file, err := f.make(ctx, e, load, in)
	if err != nil {
		return err
	}
	if in.Output != "" && in.Output != "-" {
		data, err := file.Encode()
		if err != nil {
			return err
		}
		if err := output.WriteFile(in.Output, data, 0o644); err != nil {
			return usage.Errorf("writing the plan of shards: %w", err)
		}
	} else if in.Output == "-" {
		in.Format = "json"
	}
	jobs := shard.Jobs{Plan: cmp.Or(in.Output, DefaultPlan)}
	jobs.Image, jobs.Tags = ci.Runner(e.Getenv)
	out := e.Stdout
	if in.Format != "text" {
		out = termtext.Raw(out)
	}
	return file.Write(out, in.Format, jobs)
}

// make makes the plan.
func (f *PlanFlags) make(ctx context.Context, e *planning.Session, load *planning.Flags, in Input) (*shard.File, error) {
	targets, none, err := compare.Narrow(ctx, e, load, in.Targets, in.Since, f.kind)
	if err != nil {
		return nil, err
	}
	if none {
		return f.nothing("no target has changed since " + strings.Join(in.Since, " or "))
	}
	var asked time.Time
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) {
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
	if err := load.AllowedToPlan(ctx, e, cfg); err != nil {
		return nil, err
	}
	platform := machine.LocalPlatform()
	plan, sums, err := ShardPlan(ctx, e, cfg, platform)
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
		return nil, usage.Errorf("%w", err)
	}
	if len(file.Targets) == 0 {
		file.Reason = "the definition has no target to build"
	}
	file.Definition = definition(load, cfg.Mask)
	if !asked.IsZero() {
		file.Definition.Time = asked.Unix()
	}
	file.Orch = version.Stamped
	return file, file.Seal()
}

// nothing is a plan without targets.
func (f *PlanFlags) nothing(reason string) (*shard.File, error) {
	file, err := shard.Make(&planner.Plan{Graph: &planner.Graph{}}, shard.Options{
		Count: f.count, BuildPlatform: machine.LocalPlatform(),
		Times: shard.Times{},
	})
	if err != nil {
		return nil, err
	}
	file.Reason, file.Orch = reason, version.Stamped
	return file, file.Seal()
}

// recorded are the times of earlier runs in this folder, and of the files that
// --times names.
func (f *PlanFlags) recorded(e *planning.Session) (shard.Times, error) {
	dir := ""
	if store, _, err := record.Project(e.Getenv); err == nil {
		dir = store.Dir()
	}
	book := times.Load(dir)
	for _, path := range f.times {
		rec, err := merge.ReadRecord(path)
		if err != nil {
			return shard.Times{}, usage.Errorf("--times: %w", err)
		}
		book.Note(merge.Report(rec))
	}
	known := book.Times()
	return shard.Times{
		Vertex: known.Vertex, Export: known.Export,
		Recorded: func(v *planner.Vertex) bool { _, ok := book.Of(v); return ok },
	}, nil
}
