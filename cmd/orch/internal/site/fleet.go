package site

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/place"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders/members"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/docker"
	"github.com/orch-build/orch/runner/fleet"
	"github.com/orch-build/orch/runner/fleet/health"
	"github.com/orch-build/orch/runner/record"
	"github.com/orch-build/orch/runner/times"
)

// Fleet are several BuildKit daemons.
type Fleet struct{ *health.Fleet }

// ConnectFleet reaches the daemons of a fleet. Those that do not answer are left
// out, and named.
func ConnectFleet(ctx context.Context, e *planning.Session, list []members.Member) (*Fleet, error) {
	f, err := health.Reach(ctx, list, func(ctx context.Context, m members.Member) (*builder.Builder, error) {
		return e.ReachMember(ctx, m)
	})
	if err != nil {
		return nil, err
	}
	for _, warning := range f.Warnings() {
		fmt.Fprintf(e.Stderr, "Warning: %s\n", warning)
	}
	return &Fleet{f}, nil
}

// Platform is for targets that name none.
func (s *Fleet) Platform() string { return s.Own(machine.LocalPlatform()) }

// Embedded says that none is the embedded builder.
func (s *Fleet) Embedded() bool { return false }

// Engine says that none is in a Docker engine.
func (s *Fleet) Engine() *builder.Engine { return nil }

// SolverFor returns what builds on all of them.
func (s *Fleet) SolverFor(j *Job) (runner.Solver, error) {
	opt := fleetOptions(j.Session, j.Config, s.Platform())
	opt.Nodes = s.Nodes(func(m *health.Member, name string) (runner.Solver, error) {
		how, err := j.Options()
		if err != nil {
			return nil, err
		}
		if how.LogDir != "" {
			how.LogDir += string(os.PathSeparator) + name
		}
		return buildkit.NewSolver(m.Builder, how), nil
	})
	opt.Registry = j.Session.OpenRegistries().Client
	opt.Archive = j.writeArchive
	if _, _, err := fleet.Placed(j.Plan, opt); err != nil {
		return nil, err
	}
	return fleet.New(opt), nil
}

// fleetOptions are those for placing the targets of a definition.
func fleetOptions(e *planning.Session, cfg *config.Config, platform string) fleet.Options {
	dir := ""
	if store, _, err := record.Project(e.Getenv); err == nil {
		dir = store.Dir()
	}
	known := times.Load(dir).Times()
	return fleet.Options{
		Config: cfg, BuildPlatform: platform, Times: place.Times{Vertex: known.Vertex, Export: known.Export},
		Plan: func(ctx context.Context, cfg *config.Config, platform string) (*planner.Plan, error) {
			plan, diags, err := e.MakePlan(ctx, cfg, planning.Options{Platform: platform})
			if err == nil && diags.HasErrors() {
				err = diags
			}
			return plan, err
		},
	}
}

// writeArchive writes an image that is put together to a file, or hands it to the
// Docker engine.
func (j *Job) writeArchive(ctx context.Context, a fleet.Archive) (size int64, err error) {
	joined, err := outputs.Join(ctx, a.Layouts, a.Names, a.Compose)
	if err != nil {
		return 0, err
	}
	if a.Dest == "" {
		if j.Loads != nil {
			return 0, j.Loads.Add(ctx, a.Target, a.Engine, joined)
		}
		w, err := docker.Load(ctx, a.Engine)
		if err != nil {
			return 0, err
		}
		err = joined.Write(ctx, w)
		if closed := w.Close(); closed != nil {
			return 0, closed // it knows more of the reason
		}
		return 0, err
	}
	f, err := output.Create(a.Dest, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Discard()
	if err := joined.Write(ctx, f); err != nil {
		return 0, err
	}
	return f.Size(), f.Commit()
}

// Placement says who builds what of a definition, and why, on the builders that
// the flags choose.
func Placement(ctx context.Context, e *planning.Session, flags *machine.BuilderFlags, cfg *config.Config) (*place.View, error) {
	list, err := flags.Members(ctx, e.Machine)
	if err != nil {
		return nil, err
	}
	s, err := ConnectFleet(ctx, e, list)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	own := s.Platform()
	if len(list) == 1 {
		own = s.Members[0].Builder.Platform // as where it builds alone
	}
	plan, err := e.Planned(ctx, cfg, planning.Options{Platform: own})
	if err != nil {
		return nil, err
	}
	if len(list) == 1 {
		choice, err := flags.Choose(e.Machine)
		if err != nil {
			return nil, err
		}
		s.takesAll(plan, only(choice))
	}
	opt := fleetOptions(e, cfg, own)
	opt.Nodes = s.Nodes(nil)
	return fleet.View(plan, opt)
}

// takesAll has the only daemon take what a run would have it build: all, as far as it
// is not for some platforms only.
func (s *Fleet) takesAll(plan *planner.Plan, only []string) {
	if len(only) > 0 {
		return
	}
	one := s.Members[0]
	for _, b := range plan.Builds {
		for _, p := range b.Platforms {
			if !slices.Contains(one.Native, p) {
				one.Native = append(one.Native, p)
			}
		}
	}
}

// Check says whether each build of a plan has a daemon that can build it.
func (s *Fleet) Check(e *planning.Session, plan *planner.Plan) error {
	_, _, err := fleet.Placed(plan, fleet.Options{Nodes: s.Nodes(nil), BuildPlatform: s.Platform(), Times: fleetOptions(e, nil, "").Times})
	return err
}
