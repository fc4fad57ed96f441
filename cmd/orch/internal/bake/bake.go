// Package bake is the command bake: its flags and what they mean for a run, runs
// that are resumed, and the shards of a plan. It reads the definition by package
// planning and hands it to package build; how something is built it does not know.
package bake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/asking"
	"github.com/orch-build/orch/cmd/orch/internal/build"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/compare"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/publication"
	"github.com/orch-build/orch/runner/question"
	"github.com/orch-build/orch/runner/record"
)

// NewCommand makes the command that builds; sites reaches where that is done,
// nil is a builder.
func NewCommand(e *planning.Session, sites site.Opener) *cobra.Command {
	var load planning.Flags
	var b bakeFlags
	cmd := &cobra.Command{
		Use:   "bake [URL [CONTEXT]] [TARGET…]",
		Short: "Build targets",
		Long: `bake builds targets, all at the same time: every stage that several of them
need is built once. It checks first, shows what it does, and ends with a table of
the results; after a failure, with the place, the output and whose fault it is.

On a terminal, keys choose a target, show its log and stop it; ? lists them.

Exit codes: 0 built, 1 a build failed, 2 wrong use or a wrong file,
130 interrupted, or a target stopped by a key.`,
		Example: `  orch bake                       build the default group
  orch bake client server         build two targets at once
  orch bake 'svc-*' --except svc-old
  orch bake --set '*.platform=linux/arm64' --push
  orch bake --watch api           build it again when one of its files changes
  orch bake --keep-going          build what can be built, whatever fails
  orch bake --resume              build what the last run here left undone, with its flags
  orch bake https://github.com/acme/shop.git#v1.2:deploy web
  orch bake --shard 2/7           build one of the shards of orch plan --shards
  orch bake --check               check the Dockerfiles, build nothing
  orch bake --call outline app    arguments, secrets and ssh of a target
  orch bake --push --skip=proven  leave out what is in the registry already, unchanged
  orch bake --print               show the resolved definition as JSON`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.noted(cmd.Flags())
			b.sites = sites
			if b.resume && len(args) == 0 {
				again, err := argsOfLast(e, cmd.Flags())
				if err != nil {
					return err
				}
				if again != nil {
					return runAgain(cmd.Context(), e, again)
				}
			}
			return begin(cmd.Context(), e, &load, &b, args)
		},
	}
	load.Register(cmd, e)
	helptext.Grouped(cmd.Flags(), "Building", load.RegisterBundle)
	b.register(cmd.Flags())
	for flag, words := range map[string][]string{
		"progress": progressModes, "publish": publication.Modes, "skip": config.SkipModes, "frontend": {"linked", "pull"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.RegisterFlagCompletionFunc("output", planning.CompleteList(
		[]string{"type=local", "type=tar", "type=oci", "type=docker", "type=image", "type=registry", "type=cacheonly"},
		[]string{"dest=", "name=", "push=true", "compression=", "tar="}))
	_ = cmd.RegisterFlagCompletionFunc("call", planning.CompleteList([]string{"build", "check", "outline", "targets"}, []string{"format=json", "ignorestatus=true"}))
	return cmd
}

// begin reads what the arguments say, and lists, watches or bakes.
func begin(ctx context.Context, e *planning.Session, load *planning.Flags, b *bakeFlags, args []string) error {
	if err := b.shard.open(load, b, args); err != nil {
		return err
	}
	args, err := load.Open(e, args)
	if err != nil {
		return err
	}
	if b.list != "" {
		return runList(ctx, e, load, b)
	}
	if b.watch {
		return watchTargets(ctx, e, load, b, args)
	}
	return bake(ctx, e, load, b, args)
}

// bakeRun is one call of bake.
type bakeRun struct {
	env       *planning.Session
	load      *planning.Flags
	flags     *bakeFlags
	overrides []config.Override // from flags
}

// bake resolves the definition, and prints or builds it.
func bake(ctx context.Context, e *planning.Session, load *planning.Flags, flags *bakeFlags, args []string) error {
	e.Interrupt.Note("interrupted before anything was built")
	opts, err := flags.options(e)
	if err != nil {
		return err
	}
	b := &bakeRun{env: e, load: load, flags: flags}
	e.Policies = planning.NewPolicies(ctx, e, &load.Builder)
	defer e.Policies.Close()
	if b.overrides, err = flags.overrides(); err != nil {
		return err
	}
	opts.Builder, opts.Open = &load.Builder, flags.sites
	if flags.shard.file != nil {
		return b.bakeShard(ctx, opts)
	}
	opts.Narrow = b.only
	if flags.resume {
		if err := flags.unresumable(); err != nil {
			return err
		}
		left, err := b.resume(ctx, args)
		if err == nil && len(left.Names) == 0 {
			return build.PublishRest(ctx, e, left)
		}
		if err != nil {
			return err
		}
		args, opts.Earlier = left.Names, left.Done
	}
	args, none, err := compare.Narrow(ctx, e, load, args, flags.affected, compare.Published)
	if err != nil {
		return err
	}
	if none {
		return b.nothing(opts)
	}
	cfg, err := b.resolve(ctx, args)
	if err != nil {
		return err
	}
	if flags.print {
		return config.Print(termtext.JSONWriter(e.Stdout), cfg)
	}
	return b.build(ctx, cfg, opts)
}

// nothing writes what is asked for of a call that has no targets to build.
func (b *bakeRun) nothing(opts build.Options) error {
	e := b.env
	if b.flags.print {
		return config.Print(termtext.JSONWriter(e.Stdout), &config.Config{Groups: []*config.Group{{Name: "default", Targets: []string{}}}})
	}
	now := time.Now()
	r := &build.Run{Session: e, Opt: opts, Record: record.Unkept(record.Options{Version: version.Stamped, Args: cli.WithoutResume(e.Args), Config: &config.Config{}, Getenv: e.Getenv})}
	return r.WriteFiles(&runner.Report{Plan: &planner.Plan{Graph: &planner.Graph{}}, Started: now, Finished: now})
}

// resolve reads the definition of those targets.
func (b *bakeRun) resolve(ctx context.Context, targets []string) (*config.Config, error) {
	whole := b.env.WholeFor
	if b.flags.print {
		whole = nil
	}
	return b.load.Resolve(ctx, b.env, func(o *config.Options) {
		o.Overrides = b.flags.over(o.Overrides, b.overrides)
		o.Targets = targets
	}, whole)
}

// only resolves the definition for some of its targets, and says nothing of it
// that was said before.
func (b *bakeRun) only(ctx context.Context, targets []string) (*config.Config, error) {
	return b.onlyAt(ctx, targets, 0)
}

// onlyAt resolves it as it was at a time.
func (b *bakeRun) onlyAt(ctx context.Context, targets []string, at int64) (*config.Config, error) {
	defer b.load.Loader.Close()
	d, err := b.load.Loader.Resolve(ctx, func(o *config.Options) {
		o.Overrides = b.flags.over(o.Overrides, b.overrides)
		o.Targets = targets
		setTime(o, at)
	})
	if err != nil {
		return nil, err
	}
	if d.Diags.HasErrors() {
		return nil, b.env.Report(d.Diags, d.Texts)
	}
	return d.Config, nil
}

// build builds the targets, or asks about those that are to be asked about.
func (b *bakeRun) build(ctx context.Context, cfg *config.Config, opts build.Options) error {
	if err := b.load.Allowed(ctx, b.env, cfg, b.overrides); err != nil {
		return err
	}
	if err := b.env.CheckPolicies(cfg, b.load.URL != "" && !b.load.TypedPolicy(b.overrides)); err != nil {
		return err
	}
	if b.flags.push {
		_ = b.env.Report(unpushed(cfg), cfg.Sources) // nothing but warnings
	}
	if !question.Asked(cfg) {
		if opts.Shown() {
			sayMainLane(b.env, cfg)
		}
		return build.Build(ctx, b.env, cfg, opts)
	}
	flag, err := question.Parse(b.flags.call)
	if err != nil {
		return err
	}
	return asking.Call(ctx, b.env, cfg, flag, opts)
}

// unpushed warns of the targets that --push does not push: it changes outputs of
// images, and adds one only where there is nothing else.
func unpushed(cfg *config.Config) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range cfg.Chosen {
		t := cfg.Target(name)
		if len(t.Outputs) == 0 || slices.ContainsFunc(t.Outputs, func(o config.Output) bool { return o.Push }) {
			continue
		}
		at := t.RangeOf("output")
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagWarning, Summary: "Not pushed", Subject: &at,
			Detail: fmt.Sprintf("Target %q has an output of type %q and none that is an image, so --push does not push it. "+
				"Add \"type=registry\" to its outputs to push it as well.", name, t.Outputs[0].Type),
		})
	}
	return diags
}
