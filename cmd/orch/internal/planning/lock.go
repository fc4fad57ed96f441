package planning

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/cmd/orch/internal/machine"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/planner/inputs"
	"github.com/orch-build/orch/planner/outside"
	"github.com/orch-build/orch/runner/bundle"
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
	opt, err := e.digestOptions(memory.Planner(), e.Images(Remembered))
	if err != nil {
		return nil, err
	}
	return digest.Compute(ctx, plan, reads, opt)
}

// LockCommand is the command that locks what the one that is being run takes. What must
// not be shown is not in it.
func (e *Session) LockCommand(cfg *config.Config, more ...string) string {
	return e.lookUp(cfg, append([]string{"lock"}, more...))
}

// UpdateCommand makes the command that looks up one name anew.
func (e *Session) UpdateCommand(cfg *config.Config) func(name string) string {
	return func(name string) string { return e.LockCommand(cfg, "--update="+pin.Familiar(name)) }
}

// BundleCommand is the command that writes the bundle of the one that is being run.
func (e *Session) BundleCommand(cfg *config.Config, dir string) string {
	return e.lookUp(cfg, []string{"bundle", "-o", dir})
}

func (e *Session) lookUp(cfg *config.Config, call []string) string {
	flags, rest := cli.Reading(e.Args)
	for _, a := range rest {
		if config.IsRemote(a) {
			call = append(call, a)
		}
	}
	call = append(call, flags...)
	for i, a := range call {
		parts := strings.Split(config.Redacted(a), "=")
		for k := range parts {
			parts[k] = cfg.Mask(parts[k])
		}
		call[i] = cfg.Mask(strings.Join(parts, "="))
	}
	return cli.CommandLine(call)
}

// BundleVariable names a bundle where no flag does.
const BundleVariable = "ORCH_BUNDLE"

// RegisterBundle adds the flags of commands that may build from a bundle.
func (l *Flags) RegisterBundle(flags *pflag.FlagSet) {
	l.Builds = true
	l.RegisterLook(flags)
	l.RegisterLock(flags)
}

// RegisterLook adds the flags of commands that may look into a bundle, and build
// nothing.
func (l *Flags) RegisterLook(flags *pflag.FlagSet) {
	flags.StringVar(&l.Bundle, "bundle", "", "take what orch bundle has written to `DIR` from there (also ORCH_BUNDLE)")
	flags.BoolVar(&l.Offline, "offline", false, "take nothing from outside that is not in the bundle")
}

// RegisterLock adds the flag that names a lock.
func (l *Flags) RegisterLock(flags *pflag.FlagSet) {
	flags.StringVar(&l.Lock, "lock", "", "use the lock in `FILE`, in the place of the orch.lock.hcl beside the definition")
}

// RegisterOnline has a command say that it needs a network where --offline is asked
// for.
func (l *Flags) RegisterOnline(flags *pflag.FlagSet, why string) {
	l.online = why
	flags.BoolVar(&l.Offline, "offline", false, "")
	_ = flags.MarkHidden("offline")
}

// openBundle opens the bundle that is named.
func (l *Flags) openBundle(e *Session) (err error) {
	if l.Offline && l.online != "" {
		return usage.Errorf("%s: there is no --offline for it", l.online)
	}
	if l.Bundle == "" && !l.NoBundle {
		l.Bundle = e.Getenv(BundleVariable)
	}
	e.Offline = l.Offline
	if l.Bundle == "" {
		if l.Offline {
			return usage.Errorf("--offline takes everything from a bundle: name it with --bundle DIR or %s; orch bundle writes one", BundleVariable)
		}
		return nil
	}
	if e.Bundle, err = bundle.Open(l.Bundle); err != nil {
		return usage.Wrap(err)
	}
	return nil
}
