package machine

import (
	"context"
	"fmt"

	"github.com/orch-build/orch/cmd/orch/internal/version"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/embedded"
)

// EmbeddedOptions reads the builder's options from the environment.
func EmbeddedOptions(e *Machine) (embedded.Options, error) {
	o, err := embedded.OptionsFromEnv(e.Getenv)
	if err != nil {
		return o, usage.Wrap(err)
	}
	o.Version = version.Orch()
	o.Notify = func(line string) { fmt.Fprintln(e.Stderr, line) }
	e.Parts.SetProgram(e.Env, &o)
	return o, nil
}

// connectEmbedded dials the embedded builder. One that ends between the moment
// it was found and the first request, because it was idle for long or a newer
// orch came, is started once more.
func (e *Machine) connectEmbedded(ctx context.Context) (*builder.Builder, error) {
	for again := false; ; again = true {
		addr, err := e.startEmbedded(ctx)
		if err != nil {
			return nil, err
		}
		b, err := builder.Dial(ctx, addr, embeddedName, builder.TLS{})
		if err == nil || again || ctx.Err() != nil {
			return b, err
		}
	}
}

// startEmbedded makes sure that the embedded builder runs, and returns its
// address.
func (e *Machine) startEmbedded(ctx context.Context) (string, error) {
	opt, err := EmbeddedOptions(e)
	if err != nil {
		return "", err
	}
	d, err := embedded.Ensure(ctx, opt)
	if err != nil {
		return "", err
	}
	e.builderLog = d.Mark()
	return d.Address, nil
}
