package buildkit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sync/errgroup"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/span"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/options"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/fetch"
	"github.com/orch-build/orch/runner/buildkit/frontend"
	"github.com/orch-build/orch/runner/buildkit/steps"
	"github.com/orch-build/orch/runner/provenance"
	"github.com/orch-build/orch/runner/rights"
)

// target is one build on its way through a run.
type target struct {
	run    *run
	anchor *anchor
	placed *anchor // the anchor of the beginning; see rights.go
	plan   *planner.Build

	oci        map[string]*ociStore // by the name of the context
	inputs     map[string]llb.State
	opts       map[string]string
	text       []byte // of the Dockerfile, as the linked frontend reads it
	conversion conversion
	result     *gateway.Result // once the target's turn has come
	held       rights.Held
	known      rights.Held              // the same, also by the names that steps were given
	aliases    map[string]config.Secret // by such names
	parted     bool                     // steps were given such names
	given      map[digest.Digest]bool   // vertices of the targets that it is built on
	report     *runner.Result
	measured   *runner.Measured // nil of a target whose outputs are not written
	// asked is true if nothing is built, so that the results of linked targets
	// are not there.
	asked bool
	// forCache is true if the image is pushed only for its cache.
	forCache bool

	mu       sync.Mutex // the frontend solves platforms side by side
	defs     map[gateway.Reference]*pb.Definition
	triggers map[string]bool    // ONBUILD instructions of base images
	images   []provenance.Image // that the frontend has resolved
	frontend *provenance.Image  // that the builder has run, if it is known
	tags     map[string]bool    // names that it has asked for, without a digest
	other    string             // the image of a frontend that is found in a remote Dockerfile
	theirs   bool               // the builder's own frontend made the result
	// badTrigger is one of them on which a frontend of the builder fails.
	badTrigger string
	whole      bool // more of the Dockerfile may be needed than what the plan says
}

func newTarget(r *run, a *anchor, b *planner.Build) *target {
	held := rights.Of(b.Target)
	return &target{
		run: r, anchor: a, placed: a, plan: b,
		held: held, known: held,
		aliases:    map[string]config.Secret{},
		given:      map[digest.Digest]bool{},
		oci:        map[string]*ociStore{},
		inputs:     map[string]llb.State{},
		defs:       map[gateway.Reference]*pb.Definition{},
		triggers:   map[string]bool{},
		tags:       map[string]bool{},
		conversion: conversion{done: make(chan struct{})},
	}
}

func (t *target) openStores() error {
	for name, c := range t.plan.Target.Contexts {
		if c.Kind != config.OCILayout {
			continue
		}
		s, err := openOCILayout(c.Value)
		if err != nil {
			return fmt.Errorf("target %s: context %q: %w", t.plan.Name(), name, err)
		}
		t.oci[name] = s
	}
	return nil
}

// build takes the target from its Dockerfile to its outputs.
func (t *target) build(ctx context.Context, opt runner.BuildOptions) (*runner.Result, error) {
	start := time.Now()
	if err := t.inSpan(ctx, "convert", t.converted); err != nil {
		return nil, t.failure(ctx, err)
	}
	if err := t.bounded(ctx); err != nil {
		return nil, t.failure(ctx, err)
	}
	if err := t.restoreMounts(ctx); err != nil {
		return nil, t.failure(ctx, err)
	}
	if err := t.inSpan(ctx, "evaluate", t.evaluate); err != nil {
		return nil, t.failure(ctx, err)
	}
	evaluated := time.Now()
	t.report = &runner.Result{Evaluated: evaluated.Sub(start)}
	if !opt.NoExport {
		if err := t.test(ctx); err != nil {
			return nil, err
		}
	}
	if err := opt.Evaluated(ctx); err != nil {
		return nil, err
	}
	if opt.NoExport {
		return t.report, nil
	}
	t.measured = &runner.Measured{Build: t.plan}
	evaluated = time.Now()
	if err := t.inSpan(ctx, "export", t.export); err != nil {
		return nil, t.failure(ctx, err)
	}
	t.report.Exported = time.Since(evaluated)
	if err := t.takeProvenance(ctx, start); err != nil {
		return nil, t.failure(ctx, err)
	}
	return t.report, nil
}

// convert turns the Dockerfile into LLB, on this side, by BuildKit's frontend.
func (t *target) convert(ctx context.Context) (*gateway.Result, error) {
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	if err := t.judgeRead(ctx); err != nil {
		return nil, err
	}
	var res *gateway.Result
	var err error
	switch {
	case t.foreign():
		res, err = t.askForeign(ctx, &recorder{Client: t.anchor.gateway, target: t})
	case t.large():
		res, err = t.convertLarge(ctx)
	default:
		res, err = t.linked(ctx)
		if t.widen() {
			res, err = t.linked(ctx)
		}
	}
	if err == nil {
		res, err = t.oneFrontend(ctx, res)
	}
	if err == nil {
		err = t.beginHistory(res)
	}
	if err != nil {
		return nil, err
	}
	t.claim(ctx, res)
	return res, t.readUses(ctx, res)
}

// evaluate has the builder run the steps, for all platforms at once.
func (t *target) evaluate(ctx context.Context) error {
	ctx, stop := t.run.caches.Context(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	_ = t.result.EachRef(func(ref gateway.Reference) error {
		group.Go(func() error { return ref.Evaluate(ctx) })
		return nil
	})
	return t.run.caches.Reason(group.Wait())
}

// prepare writes down what the frontend gets: options and inputs.
func (t *target) prepare(ctx context.Context) error {
	if err := t.lost(); err != nil {
		return err
	}
	t.opts = maps.Clone(t.anchor.gateway.BuildOpts().Opts)
	if t.opts == nil {
		t.opts = map[string]string{}
	}
	if err := t.cacheOptions(ctx); err != nil {
		return err
	}
	if err := t.targetOptions(); err != nil {
		return err
	}
	t.run.facts.AddProxies(t.plan, t.opts)
	t.run.facts.AddLabels(ctx, t.plan, t.opts)
	if err := t.contextOptions(); err != nil {
		return err
	}
	if err := t.linkOptions(ctx); err != nil {
		return err
	}
	if t.foreign() {
		t.foreignOptions()
	} else if d := t.plan.Dockerfile; d != nil {
		t.opts["filename"] = d.Filename
		t.inputs["dockerfile"] = dockerfileState(d, t.dockerfile(d))
		if s := t.syntax(); s != "" {
			// The frontend that is linked in implements what the official one
			// does; this keeps it from asking the builder to pull that one.
			t.opts["cmdline"] = s
		}
	} else if f := t.plan.Target.Dockerfile; f != "" {
		t.opts["filename"] = f
	}
	return nil
}

// dockerfile is what the frontend gets to read: what the target needs of the
// file, or all of it where the builder's frontend reads it too, or where
// triggers of an image may take from any stage.
func (t *target) dockerfile(d *planner.Dockerfile) []byte {
	switch {
	case t.whole, len(t.plan.Target.Attest) > 0:
		return d.Data
	case t.text == nil:
		t.text = t.run.reduced.For(t.plan)
	}
	return t.text
}

// dockerfileState is a file system that holds just the Dockerfile.
func dockerfileState(d *planner.Dockerfile, data []byte) llb.State {
	st := llb.Scratch()
	if i := strings.LastIndexByte(d.Filename, '/'); i > 0 {
		st = st.File(llb.Mkdir("/"+d.Filename[:i], 0o755, llb.WithParents(true)))
	}
	return st.File(llb.Mkfile("/"+d.Filename, 0o644, data),
		llb.WithCustomName("[internal] load build definition from "+d.Name))
}

// targetOptions are the attributes of the target, by the frontend's names.
func (t *target) targetOptions() error {
	maps.Copy(t.opts, options.Of(t.plan))
	if pull := t.plan.Target.Pull; pull != nil && *pull {
		t.opts["image-resolve-mode"] = "pull"
	}
	if t.asked { // the answer does not depend on them
		delete(t.opts, "add-hosts")
		return nil
	}
	hosts, err := options.OnHost(t.opts["add-hosts"], t.run.builder.HostGateway)
	if err != nil {
		return fmt.Errorf("extra-hosts of target %q: %s %w", t.plan.Name(), t.run.builder.Name, err)
	}
	if hosts != "" {
		t.opts["add-hosts"] = hosts
	}
	return nil
}

// contextOptions tell the frontend where the contexts are. Local ones are
// inputs, so that every target reads the same source.
func (t *target) contextOptions() error {
	session := t.anchor.files.session.ID()
	switch l := t.plan.Context; {
	case l == nil:
		if err := t.remoteContext(t.plan.Target.Context); err != nil {
			return err
		}
	case !t.foreign() && !t.asked:
		t.inputs["context"] = t.run.localState(l, session, t.group(), contextName)
	}
	for name, l := range t.plan.Contexts {
		if t.foreign() {
			break
		}
		key := "local:" + name
		t.inputs[key] = t.run.localState(l, session, t.group(), "[context "+name+"] load from client")
		t.opts["context:"+name] = "input:" + key
	}
	for name, c := range t.plan.Target.Contexts {
		switch c.Kind {
		case config.Image:
			t.opts["context:"+name] = "docker-image://" + c.Value
		case config.Git, config.HTTP:
			t.opts["context:"+name] = c.Value
		case config.OCILayout:
			t.opts["context:"+name] = t.oci[name].ref
		case config.Archive:
			st, err := fetch.Archive(c.Value)
			if err != nil {
				return err
			}
			t.inputs["archive:"+name] = st
			t.opts["context:"+name] = "input:archive:" + name
		}
	}
	return nil
}

// remoteContext tells the frontend of a context that the builder fetches. The
// frontend would take the Dockerfile from there, so if it comes from here the
// context has to be an input as well.
func (t *target) remoteContext(c config.Context) error {
	if c.Kind != config.Archive && t.plan.Dockerfile == nil {
		t.opts["context"] = c.Value
		return nil
	}
	if c.Kind == config.Git {
		keepGit, _ := strconv.ParseBool(t.opts["build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR"])
		advice, _ := strconv.ParseBool(t.opts["build-arg:BUILDKIT_GIT_ADVICE"])
		st, _, err := dockerui.DetectGitContext(c.Value, &keepGit, llb.GitAdvice(advice))
		if err != nil {
			return err
		}
		t.inputs["context"] = *st
		return nil
	}
	st, err := fetch.Archive(c.Value)
	if err != nil {
		return err
	}
	t.inputs["context"], t.inputs["dockerfile"] = st, st
	return nil
}

// linkOptions hand over the results of the targets that this one is built on:
// their vertices, not a copy of their image.
func (t *target) linkOptions(ctx context.Context) error {
	for name, b := range t.plan.Links {
		if t.asked {
			t.stubLink(name)
			continue
		}
		linked := t.run.targets[b]
		if err := t.link(ctx, name, linked); err != nil {
			return fmt.Errorf("handing target %s to %s: %w", b.Name(), t.plan.Name(), err)
		}
	}
	return nil
}

func (t *target) link(ctx context.Context, name string, linked *target) error {
	ids, err := frontend.Platforms(linked.result)
	if err != nil {
		return err
	}
	for _, id := range ids {
		ref, suffix := linked.result.Ref, ""
		if id != "" {
			ref, suffix = linked.result.Refs[id], "/"+id
			if len(ids) > 1 {
				name = strings.SplitN(name, "::", 2)[0] + "::" + id
			}
		}
		key := "target:" + linked.plan.Name() + suffix
		st, err := linked.state(ctx, ref)
		if err != nil {
			return err
		}
		if st.Output() == nil && t.crosses() {
			st = frontend.EmptyState()
		}
		if err := t.takeOver(ctx, linked, ref); err != nil {
			return err
		}
		t.inputs[key] = st
		t.opts["context:"+name] = "input:" + key
		image := linked.result.Metadata[exptypes.ExporterImageConfigKey+suffix]
		if image == nil {
			image = linked.result.Metadata[exptypes.ExporterImageConfigKey]
		}
		md, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: image})
		if err != nil {
			return err
		}
		t.opts["input-metadata:"+key] = string(md)
	}
	return nil
}

// takeOver notes the vertices of a linked target. What they ask for is that
// target's matter, and its steps have run.
func (t *target) takeOver(ctx context.Context, linked *target, ref gateway.Reference) error {
	def, err := linked.definition(ctx, ref)
	if err != nil || def == nil {
		return err
	}
	for _, data := range def.Def {
		t.given[digest.FromBytes(data)] = true
	}
	return nil
}

// state is the LLB of a reference of this target.
func (t *target) state(_ context.Context, ref gateway.Reference) (llb.State, error) {
	if ref == nil {
		return llb.Scratch(), nil
	}
	def := t.defs[ref]
	if def == nil {
		return ref.ToState()
	}
	return frontend.DefinitionState(def)
}

// countSteps counts the steps of the target's stages.
func (t *target) countSteps() runner.Steps {
	ids := map[digest.Digest]bool{}
	for _, def := range t.defs {
		for _, id := range steps.Digests(def, t.anchor.judge.Proxies()) {
			ids[id] = true
		}
	}
	return t.run.steps.Count(ids)
}

// claim says which vertices are the target's, and of which stages they are
// steps. What the builder does not tell of a foreign frontend's definitions only
// leaves gaps in what is shown.
func (t *target) claim(ctx context.Context, result *gateway.Result) {
	ids, err := frontend.Platforms(result)
	if err != nil {
		return
	}
	for i, id := range ids {
		ref := result.Ref
		if id != "" {
			ref = result.Refs[id]
		}
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			continue
		}
		t.defs[ref] = def
		t.run.steps.Own(t.plan, i, def, t.anchor.judge.Proxies())
	}
}

// inSpan does a part of the target's work in a span of its own.
func (t *target) inSpan(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, end := span.Start(ctx, name, attribute.String("orch.target", t.plan.Name()))
	err := do(ctx)
	end(err)
	return err
}
