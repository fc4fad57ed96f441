package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner/doctor"
)

const doctorLong = `Look at what a build needs of this machine, before one fails for it: the builder
and its version, the program that runs steps, free space and how much cache is
kept, the programs that have credentials, proxies, git, and for the targets of a
definition the platforms, the cache lane, and whether the registries can be
written, with a clock that agrees with theirs.

Nothing is started, changed or pushed: an upload is begun and taken back. What is
not as it should be has a line that says what to do.

Exit codes: 0 nothing is in the way of a build, 1 something is, 2 wrong use.`

func newDoctorCommand(e *planning.Session) *cobra.Command {
	var load planning.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [TARGET…]",
		Short: "Find what is in the way of a build on this machine",
		Long:  doctorLong,
		Example: `  orch doctor
  orch doctor api web
  orch doctor --builder ci --json`,
		ValidArgsFunction: planning.CompleteTargets(e, &load),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := load.Open(e, args)
			if err != nil {
				return err
			}
			wanted, first, err := wantedBy(cmd.Context(), e, &load, args)
			if err != nil {
				return err
			}
			found := append(first, doctor.Look(cmd.Context(), doctor.Machine{
				Getenv: e.Getenv, LookPath: exec.LookPath, Now: time.Now, DockerConfig: dockerconfig.Dir(), Wanted: wanted,
				Client: e.OpenRegistries().Client, BuildKit: version.BuildKit(),
				Builder: func(ctx context.Context) (*doctor.Builder, error) { return load.Builder.Examined(ctx, e.Machine) },
			})...)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if asJSON {
				err = termtext.PrintJSON(e.Stdout, found)
			} else {
				err = doctor.Print(e.Stdout, found)
			}
			if err == nil && doctor.Worst(found) == doctor.Error {
				return &cli.Failure{Code: cli.ExitFailed, Err: fmt.Errorf("something is in the way of a build")}
			}
			return err
		},
	}
	load.Register(cmd, e)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// wantedBy is what the targets of the definition need. Without any definition,
// the machine is looked at by itself.
func wantedBy(ctx context.Context, e *planning.Session, load *planning.Flags, targets []string) (doctor.Wanted, []doctor.Finding, error) {
	defer load.Loader.Close()
	all := len(targets) == 0
	d, err := load.Loader.Resolve(ctx, func(o *config.Options) { o.Targets, o.All = targets, all })
	if err != nil && all && len(load.Files) == 0 {
		says := strings.Replace(err.Error(), "\n", ". ", 1) // what to do is a line of its own
		return doctor.Wanted{}, []doctor.Finding{{About: "definition", Grade: doctor.Note, Says: says, Do: "Run it where the definition is, to have its registries and platforms looked at too."}}, nil
	}
	if err != nil {
		return doctor.Wanted{}, nil, err
	}
	if d.Diags.HasErrors() {
		return doctor.Wanted{}, nil, e.Report(d.Diags, d.Texts)
	}
	cfg := d.Config
	if all {
		cfg = cfg.WithoutTemplates()
	}
	if err := load.AllowedToPlan(ctx, e, cfg); err != nil {
		return doctor.Wanted{}, nil, err
	}
	plan, diags, err := e.MakePlan(ctx, cfg, planning.Options{Independent: all})
	if err != nil {
		return doctor.Wanted{}, nil, err
	}
	if diags.HasErrors() {
		return doctor.Wanted{}, nil, e.Report(diags, cfg.Sources, plan.Sources)
	}
	wanted := doctor.WantedBy(plan)
	if len(wanted.Caches) > 0 {
		lane := load.Loader.Lane()
		wanted.Lane, wanted.Fork = lane.Name, lane.Fork
	}
	return wanted, nil, nil
}
