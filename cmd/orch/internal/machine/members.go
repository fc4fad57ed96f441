package machine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/address"
	"github.com/orch-build/orch/runner/builders/members"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Name adds builders to those that the flags name.
func (f *BuilderFlags) Name(names ...string) { f.names = append(f.names, names...) }

// Several says whether the flags name more than one builder.
func (f *BuilderFlags) Several() bool { return len(f.names) > 1 }

// Members lists the daemons that a run is built on: one of a builder that has one,
// or else all of them.
func (f *BuilderFlags) Members(ctx context.Context, e *Machine) ([]members.Member, error) {
	chosen, err := f.all(e)
	if err != nil {
		return nil, err
	}
	list, err := members.Source{}.Of(ctx, chosen)
	var twice *members.TwiceError
	if errors.As(err, &twice) {
		return nil, usage.Wrap(err)
	}
	if err != nil || len(list) < 2 {
		return list, err
	}
	for _, m := range list {
		if m.Driver == builders.Engine {
			return nil, usage.Errorf("builder %s is a Docker engine, which keeps images to itself: it cannot be one of several builders. "+
				"Name the others alone, or the engine alone", m.Name)
		}
	}
	return list, nil
}

// all are the builders that the flags choose.
func (f *BuilderFlags) all(e *Machine) ([]*builders.Builder, error) {
	if !f.Several() {
		choice, err := f.Choose(e)
		if err != nil {
			return nil, err
		}
		return []*builders.Builder{choice.Builder}, nil
	}
	if slices.Contains(f.names, "") {
		return nil, usage.Errorf("--builder is empty: write the name or the address of a builder, or %s", builders.EmbeddedName)
	}
	var out []*builders.Builder
	for _, name := range f.names {
		choice, err := e.Catalog().Named(name)
		var unknown *builders.UnknownError
		var badAddress *address.Error
		if errors.As(err, &unknown) || errors.As(err, &badAddress) {
			return nil, usage.Wrap(err)
		}
		if err != nil {
			return nil, err
		}
		if err := f.secure(choice.Builder); err != nil {
			return nil, err
		}
		out = append(out, choice.Builder)
	}
	return out, nil
}

// ReachMember connects to one daemon.
func (e *Machine) ReachMember(ctx context.Context, m members.Member) (*builder.Builder, error) {
	if m.Driver == builders.Embedded {
		return e.connectEmbedded(ctx)
	}
	e.registries.elsewhere = true
	b, err := builder.Reach(ctx, m.Driver, m.Node, m.Name)
	if err != nil {
		return nil, err
	}
	b.Name = strings.TrimSpace(m.Name)
	return b, nil
}
