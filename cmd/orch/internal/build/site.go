package build

import (
	"context"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/docker"
)

// Site is where the targets of a run are built; tests have one without a
// builder.
type Site interface {
	Name() string
	// Platform is that of the builder; "" if it is not known.
	Platform() string
	// Embedded says whether it shares this machine with the user.
	Embedded() bool
	// Engine is the Docker engine that the builder is part of, or nil.
	Engine() *builder.Engine
	// SolverFor returns what builds the targets of a run.
	SolverFor(*Run) (runner.Solver, error)
	Close() error
}

// Opener reaches a site.
type Opener func(context.Context, *planning.Session, *machine.BuilderFlags) (Site, error)

// openSite reaches where the targets are built.
func (r *Run) openSite(ctx context.Context) (Site, error) {
	if r.Opt.Open != nil {
		return r.Opt.Open(ctx, r.Session, r.Opt.Builder)
	}
	return connectSite(ctx, r.Session, r.Opt.Builder)
}

// builderSite is a BuildKit daemon.
type builderSite struct {
	builder *builder.Builder
	flags   *machine.BuilderFlags
	local   bool
}

// connectSite reaches the builder that the flags choose.
func connectSite(ctx context.Context, e *planning.Session, flags *machine.BuilderFlags) (Site, error) {
	list, err := flags.Members(ctx, e.Machine)
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return connectFleet(ctx, e, list)
	}
	local, err := flags.IsEmbedded(e.Machine)
	if err != nil {
		return nil, err
	}
	b, err := flags.Connect(ctx, e.Machine)
	if err != nil {
		return nil, err
	}
	return &builderSite{b, flags, local}, nil
}

func (s *builderSite) Close() error { return s.builder.Close() }
func (s *builderSite) Name() string { return s.builder.Name }

func (s *builderSite) Platform() string { return s.builder.Platform }

func (s *builderSite) Embedded() bool { return s.local }

func (s *builderSite) Engine() *builder.Engine { return s.builder.Engine }

func (s *builderSite) SolverFor(r *Run) (runner.Solver, error) {
	opt, err := r.solverOptions()
	if err != nil {
		return nil, err
	}
	opt.Redial = func(ctx context.Context) (*builder.Builder, error) {
		r.SayCrash()
		return s.flags.Connect(ctx, r.Session.Machine)
	}
	return buildkit.NewSolver(s.builder, opt), nil
}

// solverOptions are what a solver needs, on any builder.
func (r *Run) solverOptions() (buildkit.Options, error) {
	policy, err := planning.SourcePolicy(r.Session)
	if err != nil {
		return buildkit.Options{}, err
	}
	return buildkit.Options{
		LogDir:                r.Record.Logs(),
		Mask:                  r.mask,
		ClientID:              r.ClientID(),
		LookupEnv:             r.Lookup,
		Stdout:                termtext.Raw(r.Stdout),
		Load:                  docker.Load,
		Loads:                 r.loads,
		BuilderTimeout:        r.timeout,
		NoDefaultAttestations: r.Flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"),
		KeepImages:            !r.Flagged("BUILDX_NO_DEFAULT_LOAD"),
		PullFrontend:          r.Opt.PullFrontend,
		SourcePolicy:          policy,
		Frozen:                r.frozen(),
		Bundle:                r.Bundle,
		Offline:               r.Offline,
		Contexts:              &contextfs.Watch{Strict: r.Opt.StrictContext},
		Credentials:           r.OpenRegistries().Credentials,
		Registry:              r.OpenRegistries().Client,
		ByDigest:              r.publication.ByDigest(),
		Proxies:               proxies(r.Session, r.mask),
		SawImage:              r.sawImage(),
		Git:                   planning.GitOptions(r.Session),
		Provenance:            metadataProvenance(r.Session, r.Opt.wantsMetadata()),
		Policy:                r.Evaluator(),
	}, nil
}
