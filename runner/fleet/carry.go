package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
	"github.com/orch-build/orch/runner"
)

// carry is a stage of the platform on which builds run, which builders of other
// platforms copy from: it is built on one builder that needs it too, and brought to
// the others by its digest, in place of the stage of that name. So all platforms of
// an image have the same of it.
type carry struct {
	vertex *planner.Vertex
	// from is the batch that builds it.
	from *batch
	// targets are those in whose Dockerfile it takes the place of the stage.
	targets map[string]bool
	// dir is where it is meanwhile.
	dir string
	// done is closed when it is there, or is known not to come; ref is "" then, and
	// each builder builds the stage by itself.
	done chan struct{}
	ref  string
}

// foreign says whether a batch is on a builder of another platform than that on
// which builds run.
func (b *batch) foreign() bool { return b.node.Platform != b.run.opt.BuildPlatform }

// reached are the vertices that the units of a batch need.
func (b *batch) reached() map[*planner.Vertex]bool {
	out := map[*planner.Vertex]bool{}
	for _, p := range b.pieces {
		for _, u := range p.units {
			for _, v := range b.run.targets.Reached[u] {
				out[v] = true
			}
		}
	}
	return out
}

// findCarries finds what is carried between batches.
func (r *run) findCarries(made []*batch) {
	known := map[*planner.Vertex]*carry{}
	for _, b := range made {
		if !b.foreign() {
			continue
		}
		for v, targets := range r.copied(b.reached()) {
			c := known[v]
			if c == nil {
				c = &carry{vertex: v, from: r.giver(made, v), targets: map[string]bool{}, done: make(chan struct{})}
				known[v] = c
			}
			maps.Copy(c.targets, targets)
		}
	}
	for _, v := range r.plan.Graph.Vertices {
		if c := known[v]; c != nil && c.from != nil {
			c.dir = filepath.Join(r.dir, fmt.Sprintf("stage-%d", len(r.carries)))
			r.carries = append(r.carries, c)
		}
	}
}

// giver is the first batch that builds a vertex on the platform on which builds run.
func (r *run) giver(made []*batch, v *planner.Vertex) *batch {
	for _, b := range made {
		if !b.foreign() && b.reached()[v] {
			return b
		}
	}
	return nil
}

// copied are the stages of the platform on which builds run that others only copy
// from, and the targets in whose files that is written. What is executed, or built
// upon, has to be of the builder's own platform.
func (r *run) copied(reached map[*planner.Vertex]bool) map[*planner.Vertex]map[string]bool {
	out, not := map[*planner.Vertex]map[string]bool{}, map[*planner.Vertex]bool{}
	for user := range reached {
		for _, e := range user.Inputs {
			v := e.From
			if v.Kind != planner.Stage || v.Platform != r.opt.BuildPlatform || v.Dockerfile == nil {
				continue
			}
			if e.Why != planner.Copy || user.Platform == v.Platform || user.Dockerfile != v.Dockerfile || v.Unnamed() || len(v.Names) != 1 {
				not[v] = true
				continue
			}
			if out[v] == nil {
				out[v] = map[string]bool{}
			}
			for _, name := range user.Targets {
				if b := r.builds[name]; b != nil && b.Dockerfile == v.Dockerfile {
					out[v][name] = true
				}
			}
		}
	}
	maps.DeleteFunc(out, func(v *planner.Vertex, targets map[string]bool) bool { return not[v] || len(targets) == 0 })
	return out
}

// carryAll builds what is carried, while everything else goes on.
func (r *run) carryAll(ctx context.Context) {
	ctx, r.endCarries = context.WithCancel(ctx)
	for _, c := range r.carries {
		r.carrying.Go(func() {
			defer close(c.done)
			ref, err := r.carry(ctx, c)
			if err == nil {
				c.ref = ref
			}
			// Otherwise each builder builds the stage, and says what is wrong with it.
		})
	}
}

// carry builds a stage into a folder, and returns what names it there.
func (r *run) carry(ctx context.Context, c *carry) (string, error) {
	cfg, name := r.carriedConfig(c)
	if name == "" {
		return "", errors.New("no target has the stage")
	}
	ctx, stop := c.from.within(ctx)
	defer stop()
	plan, err := r.opt.Plan(ctx, cfg, c.from.node.Platform)
	if err != nil {
		return "", err
	}
	solver, err := c.from.node.Solver(filepath.Base(c.dir))
	if err != nil {
		return "", err
	}
	// The builder needs the stage for itself as well, and says then what it does.
	session, err := solver.Open(ctx, plan, func(runner.Event) {})
	if err != nil {
		return "", err
	}
	defer func() { _ = session.Close(ctx, true) }()
	b := &batch{run: r, node: c.from.node, ctx: ctx, session: session, helpers: map[*planner.Build]*helper{}}
	at := slices.IndexFunc(plan.Builds, func(one *planner.Build) bool { return one.Name() == name })
	if at < 0 {
		return "", fmt.Errorf("no stage %s in the plan", name)
	}
	if err := b.prepare(ctx, plan.Builds[at]); err != nil {
		return "", err
	}
	res, err := session.Build(ctx, plan.Builds[at], runner.BuildOptions{Evaluated: func(context.Context) error { return nil }})
	if err != nil || res.Digest == "" {
		return "", errors.Join(err, errors.New("the stage has no digest"))
	}
	return c.dir + "@" + res.Digest, nil
}

// carriedConfig is a definition with the stage as its only target, and the name of
// that; "" if there is none.
func (r *run) carriedConfig(c *carry) (*config.Config, string) {
	for _, name := range slices.Sorted(maps.Keys(c.targets)) {
		stage := shard.WaveStage{Target: name, Stage: c.vertex.Names[0], Platform: c.vertex.Platform}
		cfg := shard.Waves(r.opt.Config, &shard.Wave{Stages: []shard.WaveStage{stage}})
		t := cfg.Target(stage.Name())
		if t == nil {
			continue
		}
		t.CacheTo = nil
		if t.Cache != nil {
			read := *t.Cache
			read.Write = false
			t.Cache = &read
		}
		// An image with nothing beside it: it stands for a stage.
		t.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "provenance", Attrs: map[string]string{"disabled": "true"}})}
		t.Outputs = []config.Output{config.NewOutput(config.Entry{Type: "oci", Attrs: map[string]string{
			"dest": c.dir, "tar": "false", "compression": "zstd",
		}})}
		return cfg, t.Name
	}
	return nil, ""
}

// awaitCarries waits until what is carried to a batch is there.
func (b *batch) awaitCarries(ctx context.Context) error {
	if !b.foreign() {
		return nil
	}
	for _, c := range b.run.carries {
		select {
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// takeCarries puts what is carried in the place of the stages.
func (b *batch) takeCarries(cfg *config.Config) {
	if !b.foreign() {
		return
	}
	for _, c := range b.run.carries {
		if c.ref == "" {
			continue
		}
		for _, t := range cfg.Targets {
			if !c.targets[t.Name] {
				continue
			}
			t.Contexts = maps.Clone(t.Contexts)
			if t.Contexts == nil {
				t.Contexts = map[string]config.Context{}
			}
			t.Contexts[c.vertex.Names[0]] = config.Context{Kind: config.OCILayout, Value: c.ref, Raw: "oci-layout://" + c.ref}
		}
	}
}
