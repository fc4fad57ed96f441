package planning

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/orch-build/orch/internal/gitfact"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/internal/statedir"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/runner/buildkit/facts"
)

// GitOptions reads the variables by which bake decides what images say of the
// repository. "full" is what labels once were asked for with.
func GitOptions(e *Session) facts.Git {
	opt := facts.Git{
		Labels:     e.Flagged("BUILDX_GIT_LABELS") || e.Getenv("BUILDX_GIT_LABELS") == "full",
		Info:       true,
		CheckDirty: e.Flagged("BUILDX_GIT_CHECK_DIRTY"),
	}
	if on, err := strconv.ParseBool(e.Getenv("BUILDX_GIT_INFO")); err == nil {
		opt.Info = on
	}
	return opt
}

// Lookup says from where it is known what base images are.
type Lookup bool

const (
	// Remembered asks nobody.
	Remembered Lookup = false
	// FromRegistries asks registries for what is not remembered.
	FromRegistries Lookup = true
)

// Inputs computes the digests of a plan for this machine.
func (e *Session) Inputs(ctx context.Context, plan *planner.Plan, read inputs.Options, images Lookup) (*inputs.Inputs, hcl.Diagnostics, error) {
	memory := e.ProjectMemory()
	defer memory.Save()
	read.Memory = memory.Planner()
	in, diags := inputs.Compute(plan, read)
	opt, err := e.digestOptions(read.Memory, e.Images(images))
	if err != nil {
		return nil, nil, err
	}
	return in, diags, digest.Prove(ctx, plan, in, opt)
}

// digestOptions say how digests are made of what is on this machine.
func (e *Session) digestOptions(memory inputs.Memory, images digest.Images) (opt digest.Options, err error) {
	opt = digest.Options{Memory: memory, Images: images, Labels: e.gitLabels()}
	if opt.Project, err = os.Getwd(); err != nil {
		return opt, err
	}
	if path := e.Getenv(policyVariable); path != "" {
		if opt.SourcePolicy, err = os.ReadFile(path); err != nil {
			return opt, usage.Errorf("%s: %w", policyVariable, err)
		}
	}
	return opt, nil
}

// gitLabels stand for the labels that BUILDX_GIT_LABELS asks for: they change
// with each commit. It is nil if there are none.
func (e *Session) gitLabels() func(*planner.Build) map[string]string {
	if !GitOptions(e).Labels {
		return nil
	}
	var facts []any
	for _, name := range []string{"sha", "dirty"} {
		fact, err := gitfact.Read(".", name)
		facts = append(facts, fact, err)
	}
	labels := map[string]string{"org.opencontainers.image.revision": fmt.Sprint(facts...)}
	return func(*planner.Build) map[string]string { return labels }
}

// Images says what images are.
func (e *Session) Images(from Lookup) *imageconfig.Resolver {
	r := &imageconfig.Resolver{}
	if !e.Offline {
		r.Pinned = e.OpenRegistries().Puller
	}
	if e.Bundle != nil {
		r.Local = e.Bundle.Blob
	}
	if dir, err := statedir.Default(e.Getenv); err == nil {
		r.Store = imageconfig.Store(filepath.Join(dir, "images"))
	}
	if from == FromRegistries && !e.Offline {
		r.Client = e.OpenRegistries().Puller
	}
	return r
}

// Digests computes the digests of a plan as they are now. Registries are asked what
// base images are.
func (e *Session) Digests(ctx context.Context, plan *planner.Plan) (*digest.Digests, error) {
	memory := e.ProjectMemory()
	defer memory.Save()
	return e.DigestsOf(ctx, plan, memory.Planner())
}

// KnownDigests computes the digests of a plan as they are now, and asks nobody.
func (e *Session) KnownDigests(ctx context.Context, plan *planner.Plan) (*digest.Digests, error) {
	memory := e.ProjectMemory()
	defer memory.Save()
	return e.digestsOf(ctx, plan, memory.Planner(), e.Images(Remembered))
}

// DigestsOf computes digests with what is remembered.
func (e *Session) DigestsOf(ctx context.Context, plan *planner.Plan, memory inputs.Memory) (*digest.Digests, error) {
	return e.digestsOf(ctx, plan, memory, e.Images(FromRegistries))
}

func (e *Session) digestsOf(ctx context.Context, plan *planner.Plan, memory inputs.Memory, images digest.Images) (*digest.Digests, error) {
	reads, diags := inputs.Read(plan, inputs.Options{Now: time.Now(), Memory: memory})
	if diags.HasErrors() {
		return nil, diags
	}
	opt, err := e.digestOptions(memory, images)
	if err != nil {
		return nil, err
	}
	return digest.Compute(ctx, plan, reads, opt)
}
