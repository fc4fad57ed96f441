package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/asking"
	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/usage"
	loader "github.com/orch-build/orch/load"
	"github.com/orch-build/orch/runner/pin"
	"github.com/orch-build/orch/runner/pin/relock"
)

func newLockCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var update []string
	var frontend string
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "lock [URL] [TARGET…]",
		Short: "Write down what tags, branches and URLs mean, so that builds keep to it",
		Long: `lock looks up what the targets take from outside, and writes it to orch.lock.hcl
beside the definition, or to the file of --lock: base images and all other images with their digests, for
each platform that the targets are built for; frontends; branches and tags of
repositories with their commits; files of web servers with their checksums; images
in OCI layouts. Without a TARGET, that is all targets of the definition.

A build takes from then on what is in the lock, whatever a tag points to by now.
Dockerfiles stay as they are. What is in the lock already is kept: --update looks up
all of it anew, or what a pattern matches.

--check writes nothing. It says what has moved since, and which targets that
touches, those that are built on others with them.

Of a definition from elsewhere (orch lock https://…) its commit is locked too, in the
working directory: 'orch bake https://…' there keeps to it.

Exit codes of --check: 0 nothing has moved, 1 something has, or could not be looked
up, 2 wrong use or a wrong file.`,
		Example: `  orch lock
  orch lock --update                  look up everything anew
  orch lock --update alpine           move what has alpine in its name
  orch lock --update 'ghcr.io/acme/*'
  orch lock https://github.com/acme/shop.git#main
  orch lock --check                   say what has moved upstream
  orch lock --check --json | jq -r '.changes[].targets[]'
  orch bake --frozen                  build nothing that is not in the lock`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := load.Open(e, args)
			if err != nil {
				return err
			}
			if check && len(update) > 0 {
				return usage.Errorf("--check writes nothing, and --update does: take one of the two")
			}
			if frontend != "linked" && frontend != "pull" {
				return usage.Errorf("--frontend %q: there are linked and pull", frontend)
			}
			r := &relock.Run{
				Update: update, Check: check, JSON: asJSON,
				Options: e.OutsideOptions(frontend == "pull"), Out: e.Stdout, Notes: e.Stderr,
			}
			return lockTargets(cmd.Context(), e, &load, args, r)
		},
	}
	load.Register(cmd, e)
	load.RegisterLock(cmd.Flags())
	load.RegisterOnline(cmd.Flags(), "orch lock asks registries and servers what names mean, also with --check")
	f := cmd.Flags()
	f.StringArrayVar(&update, "update", nil, "look up anew what is locked and matches `PATTERN` (without one, everything); may be repeated")
	f.Lookup("update").NoOptDefVal = relock.All
	f.BoolVar(&check, "check", false, "say what has moved upstream, and write nothing")
	f.BoolVar(&asJSON, "json", false, "print what has changed as JSON")
	f.StringVar(&frontend, "frontend", "linked", "lock the frontends of builds with --frontend=`WHICH`: linked or pull")
	return cmd
}

// lockTargets writes or checks the lock of the targets; none are all.
func lockTargets(ctx context.Context, e *planning.Session, load *planning.Flags, args []string, r *relock.Run) error {
	load.Loader.Relock, load.Loader.Moves = true, r.Matched
	d, err := load.EvaluateFirst(ctx, e)
	if err != nil {
		return err
	}
	if args = r.Patterns(args, d.Has); len(args) == 0 {
		r.Whole = true
		for _, t := range d.Targets() {
			if !t.Template {
				args = append(args, t.Name)
			}
		}
	}
	e.Policies = planning.NewPolicies(ctx, e, &load.Builder)
	defer e.Policies.Close()
	cfg, err := load.Resolve(ctx, e, func(o *config.Options) { o.Targets, o.Host = args, nil }, e.WholeFor)
	if err != nil {
		return err
	}
	r.Name, r.Old, r.Usual = load.Loader.LockName, cfg.Lock, loader.UsualFiles()
	r.Options.Definition = load.Loader.DefinitionName
	r.Resolver = &pin.Resolver{Mends: e.UpdateCommand(cfg), Registry: e.OpenRegistries().Puller, Mirrors: e.Mirrors(), Now: time.Now().UTC().Truncate(time.Second)}
	if o := load.Loader.Origin; o != nil {
		r.Origin = &relock.Origin{Key: o.Key(), Source: o.Source, Digest: o.Digest, Why: o.Why}
	}
	cfg.Lock = r.Kept()
	if err := load.AllowedToFetch(ctx, e, cfg); err != nil {
		return err
	}
	if r.Plan, err = e.Planned(ctx, cfg, planning.Options{}); err != nil {
		return err
	}
	if r.Options.Lock = r.Old; r.Old == nil {
		r.Options.Lock = lock.New(r.Name)
	}
	if r.Digests, err = e.Digests(ctx, r.Plan); err != nil {
		return err
	}
	r.Options.Made = asking.Contents(ctx, e, r.Plan, r.Digests.Opaque, &load.Builder, cfg.Lock)
	err = r.Do(ctx)
	if errors.Is(err, relock.ErrMoved) {
		return &cli.Failure{Code: cli.ExitFailed, Err: err}
	}
	return err
}
