package machine

import (
	"context"

	"github.com/orch-build/orch/internal/output"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/doctor"
	"github.com/orch-build/orch/runner/embedded"
)

// Examined is the builder that the flags choose, if it runs.
func (f *BuilderFlags) Examined(ctx context.Context, e *Machine) (*doctor.Builder, error) {
	choice, err := f.Choose(e)
	if err != nil {
		return nil, err
	}
	b := &doctor.Builder{Name: choice.Name, Reason: choice.Reason, Embedded: choice.Driver == builders.Embedded}
	if !b.Embedded {
		b.At, err = builder.Look(ctx, choice.Driver, choice.Nodes[0], choice.Name)
		return b, err
	}
	o, err := EmbeddedOptions(e)
	if err != nil {
		return nil, err
	}
	info, err := embedded.Status(ctx, o)
	if err != nil {
		return nil, err
	}
	b.StateDir, b.Rootless, b.Emulated = info.StateDir, info.Rootless, info.Emulated
	if d := output.DiskOf(info.StateDir); d != nil {
		b.Free, b.Total = d.Free, d.Total
	}
	if info.Running {
		b.At, err = builder.Dial(ctx, info.Address, choice.Name, builder.TLS{})
	}
	return b, err
}
