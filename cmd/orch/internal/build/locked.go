package build

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/pin"
	"github.com/orch-build/orch/runner/pin/frozen"
)

// frozen says whether the run may only take what is locked: if it was asked for, or
// if a CI service runs it and there is a lock.
func (r *Run) frozen() bool {
	if r.Offline {
		return true
	}
	if r.Opt.Frozen != nil {
		return *r.Opt.Frozen
	}
	value := r.Getenv("CI")
	on, err := strconv.ParseBool(value)
	return r.plan.Lock != nil && value != "" && (on || err != nil)
}

// sayLost says which targets failed because a registry has lost what is locked.
func (r *Run) sayLost(ctx context.Context, run *runner.Report) {
	if r.plan == nil || r.plan.Lock == nil {
		return
	}
	var errs []error
	for _, t := range run.Failures() {
		if t.Err != nil {
			errs = append(errs, t.Err)
		}
	}
	for _, e := range pin.Lost(r.plan.Lock, errs) {
		resolver := &pin.Resolver{Mends: r.UpdateCommand(r.cfg), Registry: r.OpenRegistries().Client, Mirrors: r.Mirrors()}
		fmt.Fprintf(r.Stderr, "%s locks %s to %s, which was not found. %s\n", r.plan.Lock.Name, pin.Familiar(e.Name), pin.Short(e.Digest), resolver.WhereLost(ctx, e.Name, e.Digest))
	}
}

// checkLock refuses a run that would take what is not locked, if it must not.
func (r *Run) checkLock(ctx context.Context) error {
	as := fault.Warning
	if r.cfg.LockAge.Fails {
		as = fault.Error
	}
	if err := r.Report(frozen.Old(r.plan.Lock, r.cfg.LockAge.Max, as, time.Now(), r.UpdateCommand(r.cfg)), r.cfg.Sources, r.plan.Sources); err != nil {
		return err
	}
	if !r.frozen() {
		return nil
	}
	if url := r.cfg.Unpinned; url != "" && r.Opt.Frozen != nil {
		return frozen.Unpinned(url, r.LockCommand(r.cfg))
	}
	digests, err := r.LockedDigests(ctx, r.plan)
	if err != nil {
		return err
	}
	opt := r.OutsideOptions(r.Opt.PullFrontend)
	opt.Lock = r.plan.Lock
	list := outside.Of(r.plan, digests, opt)
	if !r.Offline {
		return r.Report(frozen.Check(list, r.plan.Lock, frozen.Run, r.LockCommand(r.cfg)), r.cfg.Sources, r.plan.Sources)
	}
	diags := frozen.Check(list, r.plan.Lock, frozen.OfflineRun, r.LockCommand(r.cfg))
	if r.Bundle != nil {
		diags = append(diags, frozen.Offline(r.Bundle.Missing(list, r.plan.Lock), r.BundleCommand(r.cfg, r.Bundle.Dir))...)
	}
	return r.Report(diags, r.cfg.Sources, r.plan.Sources)
}
