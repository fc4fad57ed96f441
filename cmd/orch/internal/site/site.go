// Package site is where the targets of a run are built: a builder, several of them at
// once, or nowhere. It knows how each is reached and what builds there, and nothing of
// the run but what a Job says.
package site

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/place"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/buildkit/outputs"
)

// Site is where the targets of a run are built; tests have one without a
// builder.
type Site interface {
	Name() string
	// Platform is the builder's; "" if it is not known.
	Platform() string
	// Embedded says whether it shares this machine with the user.
	Embedded() bool
	// Engine is the Docker engine that the builder is part of, or nil.
	Engine() *builder.Engine
	// SolverFor returns what builds the targets of a run.
	SolverFor(*Job) (runner.Solver, error)
	Close() error
}

// Job is what a site is given of a run, for what builds its targets.
type Job struct {
	Session *planning.Session
	Config  *config.Config
	Plan    *planner.Plan
	// LogDir is where the output of steps is kept; "" if it is not.
	LogDir string
	// Loads collects the images that are loaded together; nil if there are none.
	Loads *outputs.Loads
	// Options are what a solver needs, on any builder.
	Options func() (buildkit.Options, error)
}

// Opener reaches a site.
type Opener func(context.Context, *planning.Session, *machine.BuilderFlags) (Site, error)

// builderSite is a BuildKit daemon.
type builderSite struct {
	builder *builder.Builder
	flags   *machine.BuilderFlags
	local   bool
	// only are the platforms that it is for; none is whatever it can.
	only []string
}

// Connect reaches the builder that the flags choose.
func Connect(ctx context.Context, e *planning.Session, flags *machine.BuilderFlags) (Site, error) {
	list, err := flags.Members(ctx, e.Machine)
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return ConnectFleet(ctx, e, list)
	}
	choice, err := flags.Choose(e.Machine)
	if err != nil {
		return nil, err
	}
	b, err := flags.Connect(ctx, e.Machine)
	if err != nil {
		return nil, err
	}
	return &builderSite{b, flags, choice.Driver == builders.Embedded, only(choice)}, nil
}

// only are the platforms that a builder of one node is for, if somebody has said so.
// What buildx has of a single node is a hint, which it does not keep to either.
func only(choice *builders.Choice) []string {
	if choice.Origin == builders.FromBuildx {
		return nil
	}
	return choice.Nodes[0].Platforms
}

// Refused says which targets are for platforms that a single builder is not for.
func Refused(s Site, plan *planner.Plan) error {
	one, ok := s.(*builderSite)
	if !ok {
		return nil
	}
	return refused(one, plan)
}

func refused(s *builderSite, plan *planner.Plan) error {
	if len(s.only) == 0 {
		return nil
	}
	e := &place.MissingError{Have: []string{s.builder.Name + ": " + strings.Join(s.only, ", ")}}
	for _, b := range plan.Builds {
		wanted := b.Platforms
		if len(wanted) == 0 {
			wanted = []string{s.builder.Platform}
		}
		lacks := slices.DeleteFunc(slices.Clone(wanted), func(p string) bool { return slices.Contains(s.only, p) })
		if b.Wanted && len(lacks) > 0 {
			e.Targets = append(e.Targets, fmt.Sprintf("%s, for %s", b.Name(), strings.Join(lacks, " and ")))
		}
	}
	if len(e.Targets) == 0 {
		return nil
	}
	return e
}

func (s *builderSite) Close() error { return s.builder.Close() }
func (s *builderSite) Name() string { return s.builder.Name }

func (s *builderSite) Platform() string { return s.builder.Platform }

func (s *builderSite) Embedded() bool { return s.local }

func (s *builderSite) Engine() *builder.Engine { return s.builder.Engine }

func (s *builderSite) SolverFor(j *Job) (runner.Solver, error) {
	opt, err := j.Options()
	if err != nil {
		return nil, err
	}
	opt.Redial = func(ctx context.Context) (*builder.Builder, error) {
		j.Session.SayCrash()
		return s.flags.Connect(ctx, j.Session.Machine)
	}
	return buildkit.NewSolver(s.builder, opt), nil
}

// Nowhere is the site of a run that builds nothing.
type Nowhere struct{}

// Name says that there is no builder.
func (Nowhere) Name() string { return "" }

// Platform is not known.
func (Nowhere) Platform() string { return "" }

// Embedded says that it is not.
func (Nowhere) Embedded() bool { return false }

// SolverFor returns an error: nothing is built.
func (Nowhere) SolverFor(*Job) (runner.Solver, error) { return nil, errors.New("nothing is built") }

// Close has nothing to close.
func (Nowhere) Close() error { return nil }

// Engine is none.
func (Nowhere) Engine() *builder.Engine { return nil }
