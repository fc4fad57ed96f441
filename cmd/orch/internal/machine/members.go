package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/members"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"github.com/orch-build/orch/runner/pods"
)

// Name adds builders to those that the flags name.
func (f *BuilderFlags) Name(names ...string) { f.names = append(f.names, names...) }

// Order orders the builders that the flags name.
func (f *BuilderFlags) Order(less func(a, b string) int) { slices.SortStableFunc(f.names, less) }

// Several says whether the flags name more than one builder.
func (f *BuilderFlags) Several() bool { return len(f.names) > 1 }

// Members lists the daemons that a run is built on: one of a builder that has one,
// or else all of them.
func (f *BuilderFlags) Members(ctx context.Context, e *Machine) ([]members.Member, error) {
	chosen, err := f.all(e)
	if err != nil {
		return nil, err
	}
	wait, err := e.podWait()
	if err != nil {
		return nil, err
	}
	list, err := members.Source{Wait: wait}.Of(ctx, chosen)
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

// podsWait is how long a run waits for a pod that is ready, if nothing else is said.
const podsWait = 5 * time.Minute

// podWait is how a run waits for builders in pods that start only now.
func (e *Machine) podWait() (pods.Wait, error) {
	limit := podsWait
	if s := e.Getenv("ORCH_BUILDER_WAIT"); s != "" {
		var err error
		if limit, err = time.ParseDuration(s); err != nil || limit < 0 {
			return pods.Wait{}, usage.Errorf("ORCH_BUILDER_WAIT is %q, which is not a duration: write for example 10m, or 0 to wait for nothing", s)
		}
	}
	return pods.Wait{Limit: limit, Say: func(text string) { fmt.Fprintf(e.Stderr, "Waiting for a builder: %s\n", text) }}, nil
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
		if err != nil {
			return nil, usage.Wrap(err)
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
