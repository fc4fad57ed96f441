package planning

import (
	"context"
	"fmt"
	"slices"

	"github.com/orch-build/orch/cmd/orch/internal/cli"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/permission"
	"github.com/orch-build/orch/internal/usage"
)

// Allowed makes sure that everything the definition touches on this machine
// is granted. What is not is asked for on a terminal, and is an error without
// one.
func (l *Flags) Allowed(ctx context.Context, e *Session, cfg *config.Config, overrides []config.Override) error {
	needs, err := permission.Of(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	return l.grants(ctx, e, needs, overrides)
}

// AllowedToPlan is allowed for what is read to make a plan.
func (l *Flags) AllowedToPlan(ctx context.Context, e *Session, cfg *config.Config) error {
	needs, err := permission.Planned(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	return l.grants(ctx, e, needs, nil)
}

// AllowedToFetch is AllowedToPlan for who has remote contexts fetched for it too.
func (l *Flags) AllowedToFetch(ctx context.Context, e *Session, cfg *config.Config) error {
	needs, err := permission.Fetched(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	return l.grants(ctx, e, needs, nil)
}

// GrantedToFetch is AllowedToFetch for who cannot ask: what is looked at again and
// again.
func (l *Flags) GrantedToFetch(cfg *config.Config) error {
	needs, err := permission.Fetched(cfg)
	if err != nil {
		return usage.Wrap(err)
	}
	missing, err := l.Loader.Missing(needs, nil)
	if err != nil || len(missing) == 0 {
		return err
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return err
	}
	return usage.Errorf("%s", permission.Describe(missing, wd))
}

// MayRead returns an error for a file of this machine that is not granted.
func (l *Flags) MayRead(name string) error {
	real, err := permission.RealPath(name)
	if err != nil {
		return err
	}
	missing, err := l.Loader.Missing([]permission.Need{{Key: permission.Read, Value: real}}, nil)
	if err != nil || len(missing) == 0 {
		return err
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return err
	}
	return fmt.Errorf("it is not allowed; the flag --allow=%s allows it", permission.Flags(missing, wd)[0])
}

// MayFetch says whether all is granted that is read to make a plan, and used to look
// into remote contexts.
func (l *Flags) MayFetch(cfg *config.Config) bool { return l.GrantedToFetch(cfg) == nil }

// grants makes sure that needs are granted.
func (l *Flags) grants(ctx context.Context, e *Session, needs []permission.Need, overrides []config.Override) error {
	missing, err := l.Loader.Missing(needs, overrides)
	if err != nil || len(missing) == 0 {
		return err
	}
	wd, err := permission.RealPath(".")
	if err != nil {
		return err
	}
	text := permission.Describe(missing, wd)
	if !e.CanAsk() {
		return usage.Errorf("%s", text)
	}
	fmt.Fprintf(e.Stderr, "%s\n\nGo on and allow it this time? [y/N] ", text)
	yes, err := cli.ReadAnswer(ctx, e.Stdin)
	if err != nil {
		return err
	}
	if !yes {
		return usage.Errorf("not allowed, so nothing was done")
	}
	behind := slices.DeleteFunc(permission.Behind(missing), func(n permission.Need) bool { return n.CoveredBy(missing) })
	if len(behind) == 0 {
		return nil
	}
	return l.grants(ctx, e, behind, overrides)
}
