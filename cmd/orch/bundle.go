package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/asking"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/fetch"
	"github.com/orch-build/orch/runner/bundle/pack"
	"github.com/orch-build/orch/runner/pin/frozen"
)

func newBundleCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var dir, frontend string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bundle [TARGET…]",
		Short: "Write what the targets take from outside into a folder, for builds without a network",
		Long: `bundle writes an OCI layout with all that the targets take from outside, as the
lock has it: images for every platform that is built, frontends, repositories and
files, and the lock itself. 'orch bake --offline --bundle DIR' builds from it, and
takes nothing else.

What a bundle has already is not fetched again, and what no target needs any more is
removed. Everything is held against its digest. A builder is needed only for
repositories and files.

'orch bundle push' keeps a bundle in a registry, as one artifact, and 'orch bundle
pull' fetches it.`,
		Example: `  orch bundle -o bundle
  orch bundle api web -o bundle
  orch bake --offline --bundle bundle
  orch bundle push bundle registry.example.com/team/bundle:1
  orch bundle pull registry.example.com/team/bundle:1 -o bundle`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			load.NoBundle = true
			args, err := load.Open(e, args)
			if err != nil {
				return err
			}
			if dir == "" {
				return usage.Errorf("orch bundle writes a folder: name it with -o DIR")
			}
			if frontend != "linked" && frontend != "pull" {
				return usage.Errorf("--frontend %q: there are linked and pull", frontend)
			}
			packed, err := writeBundle(cmd.Context(), e, &load, args, dir, frontend)
			if err != nil {
				return err
			}
			return printed(e, packed, packed.String(), cli.Form(asJSON))
		},
	}
	load.Register(cmd, e)
	load.RegisterLock(cmd.Flags())
	load.RegisterOnline(cmd.Flags(), "orch bundle fetches what the targets take")
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write the bundle to the folder `DIR`")
	cmd.Flags().StringVar(&frontend, "frontend", "linked", "take in the frontends of builds with --frontend=`WHICH`: linked or pull")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	cmd.AddCommand(newBundlePushCommand(e), newBundlePullCommand(e))
	return cmd
}

// writeBundle writes what the targets take, with a frontend that is linked or pulled.
func writeBundle(ctx context.Context, e *planning.Session, load *planning.Flags, args []string, dir, frontend string) (out pack.Packed, err error) {
	e.Policies = planning.NewPolicies(ctx, e, &load.Builder)
	defer e.Policies.Close()
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets, o.Host = args, nil }, e.WholeFor)
	if err != nil {
		return out, err
	}
	if err := load.AllowedToFetch(ctx, e, cfg); err != nil {
		return out, err
	}
	plan, err := e.Planned(ctx, cfg, planning.Options{})
	if err != nil {
		return out, err
	}
	digests, err := e.LockedDigests(ctx, plan)
	if err != nil {
		return out, err
	}
	opt := e.OutsideOptions(frontend == "pull")
	opt.Lock = plan.Lock
	opt.Made = asking.Contents(ctx, e, plan, digests.Opaque, &load.Builder, plan.Lock)
	list := outside.Of(plan, digests, opt)
	list.SayUnread(e.Stderr, "in the bundle as far as the lock has it")
	if err := e.Report(frozen.Check(list, plan.Lock, frozen.Bundle, e.LockCommand(cfg)), cfg.Sources, plan.Sources); err != nil {
		return out, err
	}
	var b *builder.Builder
	p := &pack.Packer{
		Dir: dir, Registry: e.OpenRegistries().Puller,
		Fetch: func(ctx context.Context, src outside.Source, w io.Writer) error {
			if b == nil {
				if b, err = load.Builder.Connect(ctx, e.Machine); err != nil {
					return err
				}
			}
			return fetch.Image(ctx, b, src.ID, src.Attrs, w, fetch.Options{LookupEnv: e.Lookup})
		},
	}
	out, err = p.Pack(ctx, list, plan.Lock)
	if b != nil {
		_ = b.Close()
	}
	return out, err
}
