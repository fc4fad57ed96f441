package build

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/internal/usage"
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

// fleetSite are several BuildKit daemons.
type fleetSite struct{ *health.Fleet }

// connectFleet reaches the daemons of a fleet. Those that do not answer are left
// out, and named.
func connectFleet(ctx context.Context, e *planning.Session, list []members.Member) (Site, error) {
	f, err := health.Reach(ctx, list, func(ctx context.Context, m members.Member) (*builder.Builder, error) {
		return e.ReachMember(ctx, m)
	})
	if err != nil {
		return nil, err
	}
	for _, warning := range f.Warnings() {
		fmt.Fprintf(e.Stderr, "Warning: %s\n", warning)
	}
	return &fleetSite{f}, nil
}

func (s *fleetSite) Name() string            { return s.Fleet.Name() }
func (s *fleetSite) Platform() string        { return s.Own(machine.LocalPlatform()) }
func (s *fleetSite) Embedded() bool          { return false }
func (s *fleetSite) Engine() *builder.Engine { return nil }
func (s *fleetSite) Close() error            { return s.Fleet.Close() }

// SolverFor returns what builds on all of them.
func (s *fleetSite) SolverFor(r *Run) (runner.Solver, error) {
	opt := fleetOptions(r.Session, r.cfg, s.Platform())
	opt.Nodes = s.Nodes(func(m *health.Member, name string) (runner.Solver, error) {
		how, err := r.solverOptions()
		if err != nil {
			return nil, err
		}
		if how.LogDir != "" {
			how.LogDir += string(os.PathSeparator) + name
		}
		return buildkit.NewSolver(m.Builder, how), nil
	})
	opt.Registry = r.OpenRegistries().Client
	opt.Archive = r.writeArchive
	if _, _, err := fleet.Placed(r.plan, opt); err != nil {
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
func (r *Run) writeArchive(ctx context.Context, a fleet.Archive) (size int64, err error) {
	j, err := outputs.Join(ctx, a.Layouts, a.Names, a.Compose)
	if err != nil {
		return 0, err
	}
	if a.Dest == "" {
		if r.loads != nil {
			return 0, r.loads.Add(ctx, a.Target, j)
		}
		w, err := docker.Load(ctx)
		if err != nil {
			return 0, err
		}
		err = j.Write(ctx, w)
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
	if err := j.Write(ctx, f); err != nil {
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
	site, err := connectFleet(ctx, e, list)
	if err != nil {
		return nil, err
	}
	defer site.Close()
	s := site.(*fleetSite)
	plan, err := e.Planned(ctx, cfg, planning.Options{Platform: s.Platform()})
	if err != nil {
		return nil, err
	}
	opt := fleetOptions(e, cfg, s.Platform())
	opt.Nodes = s.Nodes(nil)
	return fleet.View(plan, opt)
}

// checkFleet says of several builders what is wrong, before anything is built.
func (r *Run) checkFleet() error {
	s, ok := r.site.(*fleetSite)
	if !ok {
		return nil
	}
	if r.Opt.Publish == "each" && r.pushes() {
		return usage.Errorf("--publish=each and several builders contradict each other: their images are pushed by digest, and the tags move together at the end")
	}
	if _, _, err := fleet.Placed(r.plan, fleet.Options{Nodes: s.Nodes(nil), BuildPlatform: s.Platform(), Times: fleetOptions(r.Session, r.cfg, "").Times}); err != nil {
		return err
	}
	if idle := s.Idle(r.plan); len(idle) > 0 && r.Opt.Shown() {
		fmt.Fprintf(r.Stderr, "Note: nothing is built for the platforms of %s\n", strings.Join(idle, ", "))
	}
	return nil
}

// pushes says whether any image goes to a registry.
func (r *Run) pushes() bool {
	for _, b := range r.plan.Builds {
		for _, o := range b.Target.Outputs {
			if o.Push {
				return true
			}
		}
	}
	return false
}
