package planning

import (
	"context"
	"time"

	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/pin"
)

// OutsideOptions are what a plan does not say of what its targets take; pull says
// that a builder runs all frontends.
func (e *Session) OutsideOptions(pull bool) outside.Options {
	return outside.Options{Frontend: pin.Frontend(pull), Platform: machine.LocalPlatform()}
}

// LockedDigests computes digests, and asks registries only for what is locked.
func (e *Session) LockedDigests(ctx context.Context, plan *planner.Plan) (*digest.Digests, error) {
	memory := e.ProjectMemory()
	defer memory.Save()
	reads, diags := inputs.Read(plan, inputs.Options{Now: time.Now(), Memory: memory.Planner()})
	if diags.HasErrors() {
		return nil, diags
	}
	opt, err := e.digestOptions(machine.LocalPlatform(), memory.Planner(), e.Images(false))
	if err != nil {
		return nil, err
	}
	return digest.Compute(ctx, plan, reads, opt)
}
