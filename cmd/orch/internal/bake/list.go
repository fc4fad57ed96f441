package bake

import (
	"context"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/report/listing"
)

// runList runs bake --list, which lists in bake's format.
func runList(ctx context.Context, e *planning.Session, load *planning.Flags, b *bakeFlags) error {
	if b.print {
		return usage.Errorf("--print and --list exclude each other")
	}
	l, err := listing.ParseFlag(b.list)
	if err != nil {
		return usage.Wrap(err)
	}
	if _, err := b.options(e); err != nil {
		return err
	}
	if _, err := b.overrides(); err != nil {
		return err
	}
	load.Loader.Overrides = nil // the list shows what is written
	d, err := load.Evaluate(ctx, e)
	if err != nil {
		return err
	}
	if l.What == "variables" {
		return listing.BakeVariables(e.Stdout, d, l.Format)
	}
	return listing.BakeTargets(e.Stdout, d, l.Format)
}
