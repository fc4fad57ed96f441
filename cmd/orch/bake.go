package main

import (
	"context"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/spf13/cobra"
)

func newBakeCommand(e *env) *cobra.Command {
	var load loadFlags
	var b bakeFlags
	cmd := &cobra.Command{
		Use:   "bake [URL [CONTEXT]] [TARGET…]",
		Short: "Build targets",
		Long: `bake builds targets, all at the same time: every stage that several of them
need is built once. It checks first, shows what it does, and ends with a table of
the results; after a failure, with the place, the output and whose fault it is.

Exit codes: 0 built, 1 a build failed, 2 wrong use or a wrong file,
130 interrupted.`,
		Example: `  orch bake                       build the default group
  orch bake client server         build two targets at once
  orch bake 'svc-*' --except svc-old
  orch bake --set '*.platform=linux/arm64' --push
  orch bake --keep-going          build what can be built, whatever fails
  orch bake --resume              build what the last run here left undone, with its flags
  orch bake https://github.com/acme/shop.git#v1.2:deploy web
  orch bake --check               check the Dockerfiles, build nothing
  orch bake --call outline app    arguments, secrets and ssh of a target
  orch bake --print               show the resolved definition as JSON`,
		ValidArgsFunction: completeTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.noted(cmd.Flags())
			if b.resume && len(args) == 0 {
				again, err := argsOfLast(e, cmd.Flags())
				if err != nil {
					return err
				}
				if again != nil {
					return runAgain(cmd.Context(), e, again)
				}
			}
			args, err := load.open(e, args)
			if err != nil {
				return err
			}
			if b.list != "" {
				return runList(cmd.Context(), e, &load, &b)
			}
			return bake(cmd.Context(), e, &load, &b, args)
		},
	}
	load.register(cmd)
	b.register(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions(progressModes, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("publish", cobra.FixedCompletions(publishModes, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("frontend", cobra.FixedCompletions([]string{"linked", "pull"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// bake resolves the definition, and prints or builds it.
func bake(ctx context.Context, e *env, load *loadFlags, b *bakeFlags, args []string) error {
	e.interrupt.Note("interrupted before anything was built")
	opts, err := b.options(e)
	if err != nil {
		return err
	}
	overrides, err := b.overrides()
	if err != nil {
		return err
	}
	found := newPolicies(ctx, e, &load.builder)
	defer found.close()
	e.policies = found
	whole := found.whole
	if b.print {
		whole = nil
	}
	change := func(o *config.Options) { o.Overrides = b.over(o.Overrides, overrides) }
	if b.resume {
		if err := b.unresumable(); err != nil {
			return err
		}
		rest, err := resume(ctx, e, load, change, whole, args)
		if err == nil && len(rest.names) == 0 {
			return publishRest(ctx, e, rest)
		}
		if err != nil {
			return err
		}
		args, opts.earlier = rest.names, rest.done
	}
	cfg, err := load.resolve(ctx, e, func(o *config.Options) {
		change(o)
		o.Targets = args
	}, whole)
	if err != nil {
		return err
	}
	if b.print {
		return config.Print(termtext.JSONWriter(e.stdout), cfg)
	}
	if err := load.allowed(ctx, e, cfg, overrides); err != nil {
		return err
	}
	if err := found.check(cfg, load.URL != "" && !load.typedPolicy(overrides)); err != nil {
		return err
	}
	opts.builder = &load.builder
	if calls(cfg) {
		flag, err := parseCall(b.call)
		if err != nil {
			return err
		}
		return runCall(ctx, e, cfg, flag, opts)
	}
	return runBake(ctx, e, cfg, opts)
}
