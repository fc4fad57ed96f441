package build

import (
	"context"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/cmd/orch/internal/site"
	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/internal/termtext"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/docker"
)

// openSite reaches where the targets are built.
func (r *Run) openSite(ctx context.Context) (site.Site, error) {
	open := r.Opt.Open
	if open == nil {
		open = site.Connect
	}
	return open(ctx, r.Session, r.Opt.Builder)
}

// solver returns what builds the targets of the run.
func (r *Run) solver() (runner.Solver, error) {
	return r.site.SolverFor(&site.Job{
		Session: r.Session, Config: r.cfg, Plan: r.plan, LogDir: r.Record.Logs(), Loads: r.loads, Options: r.solverOptions,
	})
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
		KeepsIndex:            r.engines.KeepsIndex,
		BuilderTimeout:        r.timeout,
		NoDefaultAttestations: r.Flagged("BUILDX_NO_DEFAULT_ATTESTATIONS"),
		KeepImages:            !r.Flagged("BUILDX_NO_DEFAULT_LOAD"),
		Kept:                  r.keptImages(),
		Sum:                   r.foresight.Sum,
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
