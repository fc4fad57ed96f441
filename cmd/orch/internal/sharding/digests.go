package sharding

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/imageconfig"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
)

// ShardPlan makes the plan of whole targets, and the sums by which a shard knows
// that it is of the same commit. They depend on nothing but the definition and
// the files: not on what this machine knows of images, nor on its umask.
func ShardPlan(ctx context.Context, e *planning.Session, cfg *config.Config, platform string) (*planner.Plan, func(*planner.Build) string, error) {
	plan, err := e.Planned(ctx, cfg, planning.Options{Platform: platform})
	if err != nil {
		return nil, nil, err
	}
	memory := e.ProjectMemory()
	defer memory.Save()
	read := inputs.Options{Memory: memory.Planner()}
	in, diags := inputs.Compute(plan, read)
	if err := e.Report(diags, plan.Sources); err != nil {
		return nil, nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, nil, err
	}
	all, err := digest.Compute(ctx, plan, in.Reads, digest.Options{
		Memory: read.Memory, Project: dir, GitModes: true, Images: &imageconfig.Resolver{},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("summing up the inputs of the targets: %w", err)
	}
	return plan, func(b *planner.Build) string { return withTests(all.Target(b).Publication, b.Target.Tests) }, nil
}

// withTests adds the tests of a target to the sum of its inputs: they are no part of
// an image, but of what a shard does.
func withTests(sum string, tests []*config.Test) string {
	if len(tests) == 0 {
		return sum
	}
	h := sha256.New()
	io.WriteString(h, sum)
	// Tests are strings, numbers and maps of strings: they have a JSON form.
	json.NewEncoder(h).Encode(tests)
	return "orch3:" + hex.EncodeToString(h.Sum(nil))
}
