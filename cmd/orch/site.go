package main

import (
	"context"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/docker"
)

// site is where the targets of a run are built; tests have one without a
// builder.
type site interface {
	name() string
	// platform is that of the builder; "" if it is not known.
	platform() string
	// embedded says whether it shares this machine with the user.
	embedded() bool
	// engine is the Docker engine that the builder is part of, or nil.
	engine() *builder.Engine
	// solver returns what builds the targets of a run.
	solver(*buildRun) (runner.Solver, error)
	Close() error
}

// siteOpener reaches a site.
type siteOpener func(context.Context, *env, *builderFlags) (site, error)

// openSite reaches where the targets are built.
func (r *buildRun) openSite(ctx context.Context) (site, error) {
	if r.opt.open != nil {
		return r.opt.open(ctx, r.env, r.opt.builder)
	}
	return connectSite(ctx, r.env, r.opt.builder)
}

// builderSite is a BuildKit daemon.
type builderSite struct {
	*builder.Builder
	flags *builderFlags
	local bool
}

// connectSite reaches the builder that the flags choose.
func connectSite(ctx context.Context, e *env, flags *builderFlags) (site, error) {
	local, err := flags.isEmbedded(e)
	if err != nil {
		return nil, err
	}
	b, err := flags.connect(ctx, e)
	if err != nil {
		return nil, err
	}
	return &builderSite{b, flags, local}, nil
}

// builderNames are the names of the builder that the flags choose, as its site
// has them: that of the node which has the platforms, where there are several.
func (e *env) builderNames(flags *builderFlags) ([]string, error) {
	if len(e.onlyNames) > 0 && len(flags.names) == 0 {
		return e.onlyNames, nil
	}
	choice, err := flags.choose(e)
	if err != nil {
		return nil, err
	}
	switch {
	case choice.Driver == builders.Embedded:
		return []string{embeddedName}, nil
	case len(choice.Nodes) == 1:
		return []string{choice.Name}, nil
	}
	var names []string
	for _, node := range choice.Nodes {
		names = append(names, choice.Name+"/"+node.Name)
	}
	return names, nil
}

func (s *builderSite) name() string     { return s.Name }
func (s *builderSite) platform() string { return s.Platform }
func (s *builderSite) embedded() bool   { return s.local }

func (s *builderSite) engine() *builder.Engine { return s.Engine }

func (s *builderSite) solver(r *buildRun) (runner.Solver, error) {
	policy, err := sourcePolicy(r.env)
	if err != nil {
		return nil, err
	}
	return buildkit.NewSolver(s.Builder, buildkit.Options{
		LogDir:    r.record.Logs(),
		Mask:      r.mask,
		ClientID:  r.clientID(),
		LookupEnv: r.lookup,
		Stdout:    termtext.Raw(r.stdout),
		Load:      docker.Load,
		Loads:     r.loads,
		Redial: func(ctx context.Context) (*builder.Builder, error) {
			r.sayCrash()
			return s.flags.connect(ctx, r.env)
		},
		BuilderTimeout:        r.timeout,
		NoDefaultAttestations: r.flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"),
		KeepImages:            !r.flagged("BUILDX_NO_DEFAULT_LOAD"),
		PullFrontend:          r.opt.pullFrontend,
		SourcePolicy:          policy,
		Contexts:              &contextfs.Watch{Strict: r.opt.strictContext},
		Credentials:           r.openRegistries().credentials,
		Registry:              r.openRegistries().client,
		ByDigest:              r.publication.ByDigest(),
		Proxies:               proxies(r.env, r.mask),
		SawImage:              r.sawImage(),
		Git:                   gitOptions(r.env),
		Provenance:            metadataProvenance(r.env, r.opt.wantsMetadata()),
		Policy:                r.evaluator(),
	}), nil
}
