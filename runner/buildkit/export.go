package buildkit

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/tonistiigi/fsutil"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/creds"
	"github.com/orch-build/orch/runner/buildkit/exports"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/buildkit/sourcepolicy"
	"github.com/orch-build/orch/runner/engine/engineout"
)

// export writes the target's outputs, by a solve of the very vertices that the
// anchor holds.
func (t *target) export(ctx context.Context) error {
	out := &outputs.Files{Places: t.run.places}
	maker := t.exportMaker(out)
	groups, written, err := maker.Groups(ctx)
	if err != nil {
		out.Abort()
		return err
	}
	if len(groups) == 0 {
		return nil
	}
	t.report.Outputs = written
	for _, group := range groups {
		if err := t.exportGroup(ctx, group, out); err != nil {
			err = out.Cause(err)
			out.Abort()
			return err
		}
	}
	if err := out.Commit(); err != nil {
		return err
	}
	t.takeSizes(out)
	return nil
}

// exportMaker makes the exports of the target. An image that is pushed only for
// its cache is pushed by its name.
func (t *target) exportMaker(out *outputs.Files) *exports.Maker {
	m := &exports.Maker{
		Target: t.plan.Target, Outputs: t.outputs(), Engine: t.run.images(), Files: out, Stdout: t.run.opt.Stdout,
		Load: t.run.opt.Load, Loads: t.run.opt.Loads, KeepsIndex: t.run.opt.KeepsIndex, ByDigest: t.run.opt.ByDigest,
	}
	if t.forCache {
		m.ByDigest = nil
	}
	return m
}

// exportGroup writes outputs that are known by one digest.
func (t *target) exportGroup(ctx context.Context, group []exports.Entry, out *outputs.Files) error {
	tags, names := exports.Tags(group)
	opt, err := t.exportOptions(group, t.inlineCaches())
	if err != nil {
		return err
	}
	image, err := t.leaves(ctx, group, opt)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	response := image.response(ctx)
	if response == nil {
		res, err := t.solve(ctx, opt, group)
		if err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
		response = res.ExporterResponse
		image.save(response)
	}
	t.takeResponse(response)
	if t.run.opt.Loads.Collects(group[0].OutputStore) {
		return t.run.opt.Loads.Take(t.plan.Name(), group[0].From.Engine, response)
	}
	if slices.ContainsFunc(group, func(o exports.Entry) bool { return o.OutputStore != nil }) {
		if err := out.Index(ctx, response); err != nil {
			return err
		}
	}
	return t.takeTags(tags, names, response)
}

// exportOptions make a session of its own: the outputs of a session
// are known by their number, so that targets cannot share one.
func (t *target) exportOptions(group []exports.Entry, caches []client.CacheOptionsEntry) (client.SolveOpt, error) {
	attach, err := t.run.attachables(creds.Of(t.plan.Target))
	if err != nil {
		return client.SolveOpt{}, err
	}
	dirs := map[string]fsutil.FS{}
	folders, err := t.folders()
	if err != nil {
		return client.SolveOpt{}, err
	}
	for name, f := range folders {
		dirs[name] = f.fs
	}
	entries := make([]client.ExportEntry, len(group))
	for i, o := range group {
		entries[i] = o.ExportEntry
	}
	opt := client.SolveOpt{
		Exports:             entries,
		Session:             attach,
		LocalMounts:         dirs,
		LocalFilterOpt:      watched(dirs),
		OCIStores:           t.anchor.stores,
		CacheExports:        caches,
		AllowedEntitlements: allowed(t.held),
		FrontendAttrs:       map[string]string{},
		SourcePolicy:        t.run.opt.SourcePolicy,
		Internal:            true,
	}
	t.anchor.judge.On(&opt)
	return opt, nil
}

// attestations are what the target's outputs get attached.
func (t *target) attestations() exports.Attestations {
	return exports.Attestations{
		Target: t.plan.Target, Outputs: t.outputs(), Engine: t.run.images(), NoDefault: t.run.opt.NoDefaultAttestations,
	}
}

// images says how the builder keeps images, if it is a Docker Engine's.
func (r *run) images() engineout.Store {
	switch e := r.builder.Engine; {
	case e == nil:
		return engineout.None
	case e.Info.Containerd:
		return engineout.Containerd
	}
	return engineout.Plain
}

// outputs are the target's.
func (t *target) outputs() []config.Output {
	if !t.run.opt.KeepImages {
		return t.plan.Target.Outputs
	}
	return t.run.images().Outputs(t.plan)
}

// attested says whether any output of the target gets attestations, so that
// the builder's own frontend makes the result for it.
func (t *target) attested() bool { return t.attestations().Any() }

// crosses says whether a frontend on the builder reads the target, beside the
// linked one or in its place.
func (t *target) crosses() bool { return t.foreign() || t.attested() }

// solve runs the export. A target that gets attestations goes through the
// builder's own frontend. Where steps were given other names, it would make
// others, so that the builder attests what was run as it is.
func (t *target) solve(ctx context.Context, opt client.SolveOpt, group []exports.Entry) (*client.SolveResponse, error) {
	again := t.again
	if attests := t.attestations().Of(exports.Written(group)); len(attests) > 0 {
		// The builder adds the attestations that the whole request names, and
		// its frontend makes those that its own options name.
		opt.FrontendAttrs = t.attestedOptions(ctx, attests)
		if !t.parted {
			var err error
			if opt.SourcePolicy, err = t.pinned(ctx); err != nil {
				return nil, err
			}
			again = func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
				return t.attest(ctx, gw, opt.FrontendAttrs)
			}
		}
	}
	status, shown := t.run.steps.Export(t.plan.Name())
	defer func() { <-shown }()
	return t.run.builder.Build(ctx, opt, again, status)
}

// again asks for the anchor's vertices in the Build of the export.
func (t *target) again(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
	out := gateway.NewResult()
	out.Metadata = maps.Clone(t.result.Metadata)
	solve := func(ref gateway.Reference) (gateway.Reference, error) {
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			return nil, err
		}
		res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def})
		if err != nil {
			return nil, err
		}
		return res.SingleRef()
	}
	if len(t.result.Refs) == 0 {
		ref, err := solve(t.result.Ref)
		if err != nil {
			return nil, err
		}
		out.SetRef(ref)
		return out, nil
	}
	for id, ref := range t.result.Refs {
		again, err := solve(ref)
		if err != nil {
			return nil, err
		}
		out.AddRef(id, again)
	}
	return out, nil
}

// definition is what a reference was made from; nil for an empty one.
func (t *target) definition(ctx context.Context, ref gateway.Reference) (*pb.Definition, error) {
	if ref == nil {
		return nil, nil
	}
	if def := t.defs[ref]; def != nil {
		return def, nil
	}
	st, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	return t.applied(ctx, def.ToPB())
}

// applied is a definition with what the lock and the bundle of the run make of it. One
// that is only asked for stays as it is written.
func (t *target) applied(ctx context.Context, def *pb.Definition) (*pb.Definition, error) {
	if t.asked || t.run.plan.Lock == nil && t.run.opt.Bundle == nil {
		return def, nil
	}
	return sourcepolicy.Apply(ctx, t.run.opt.SourcePolicy, def)
}

// takeResponse writes down what the exporters said.
func (t *target) takeResponse(response map[string]string) {
	if d := response[exptypes.ExporterImageDigestKey]; d != "" {
		t.report.Digest = d
	}
	t.addMetadata(exports.Metadata(response))
}

func (t *target) addMetadata(more map[string]any) {
	if t.report.Metadata == nil {
		t.report.Metadata = map[string]any{}
	}
	maps.Copy(t.report.Metadata, more)
}

// takeSizes writes down how large the written files are.
func (t *target) takeSizes(out *outputs.Files) {
	sizes := out.Sizes()
	for i, o := range t.report.Outputs {
		t.report.Outputs[i].Size = sizes[filepath.FromSlash(o.Where)]
	}
}

// takeTags writes down which tags are to point to what a group was exported
// as, and calls the image by its names.
func (t *target) takeTags(tags []runner.Tag, names []string, response map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	moved, err := exports.Pointed(tags, response)
	if err != nil {
		return err
	}
	t.report.Unpublished = append(t.report.Unpublished, moved...)
	t.report.Metadata["image.name"] = strings.Join(names, ",")
	return nil
}
