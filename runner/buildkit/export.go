package buildkit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/orch-build/orch/runner/buildkit/outputs"
)

// exporter is an output of a target as the builder gets it.
type exporter struct {
	client.ExportEntry
	from config.Output
	// tags are taken off the name of the image: they are moved once the whole
	// run is good.
	tags []string
	// twin says that this is the image of the output before it, under other
	// names.
	twin bool
}

// export writes the target's outputs, by a solve of the very vertices that the
// anchor holds.
func (t *target) export(ctx context.Context) error {
	out := &outputs.Files{Places: t.run.places}
	exports, err := t.exports(ctx, out)
	if err != nil {
		out.Abort()
		return err
	}
	if len(exports) == 0 {
		return nil
	}
	rest, loads := t.loadsApart(exports)
	groups := loads
	if len(rest) > 0 {
		groups = append(t.apart(rest), loads...)
	}
	for _, group := range groups {
		if err := t.exportGroup(ctx, group, out); err != nil {
			out.Abort()
			return out.Cause(err)
		}
	}
	if err := out.Commit(); err != nil {
		return err
	}
	t.takeSizes(out)
	return nil
}

// exportGroup writes outputs that are known by one digest.
func (t *target) exportGroup(ctx context.Context, group []exporter, out *outputs.Files) error {
	tags, names := tagsOf(group)
	opt, err := t.exportOptions(group, t.inlineCaches())
	if err != nil {
		return err
	}
	res, err := t.solve(ctx, opt, group)
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	t.takeResponse(res.ExporterResponse)
	if t.collected(group[0]) {
		return t.run.opt.Loads.Take(t.plan.Name(), res.ExporterResponse)
	}
	if slices.ContainsFunc(group, func(o exporter) bool { return o.OutputStore != nil }) {
		if err := out.Index(ctx, res.ExporterResponse); err != nil {
			return err
		}
	}
	return t.takeTags(tags, names, res.ExporterResponse)
}

// exportOptions are those of a session of its own: the outputs of a session
// are known by their number, so that targets cannot share one.
func (t *target) exportOptions(group []exporter, caches []client.CacheOptionsEntry) (client.SolveOpt, error) {
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
	exports := make([]client.ExportEntry, len(group))
	for i, o := range group {
		exports[i] = o.ExportEntry
	}
	opt := client.SolveOpt{
		Exports:             exports,
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

// solve runs the export. A target that gets attestations goes through the
// builder's own frontend. Where steps were given other names, it would make
// others, so that the builder attests what was run as it is.
func (t *target) solve(ctx context.Context, opt client.SolveOpt, group []exporter) (*client.SolveResponse, error) {
	again := t.again
	if attests := t.attestations(written(group)); len(attests) > 0 {
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
	return t.run.builder.Conn.Build(ctx, opt, "orch", again, status)
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
	return def.ToPB(), nil
}

// exports turns the target's outputs into BuildKit's, with their files written
// aside.
func (t *target) exports(ctx context.Context, out *outputs.Files) ([]exporter, error) {
	var exports []exporter
	for _, o := range t.plan.Target.Outputs {
		e, err := t.exportEntry(ctx, o, out)
		if err != nil {
			return nil, err
		}
		exports = append(exports, e...)
	}
	return exports, nil
}

// exportEntry is one output; where an image has names in registries of both
// kinds, it takes two exports.
func (t *target) exportEntry(ctx context.Context, o config.Output, out *outputs.Files) ([]exporter, error) {
	e := &exporter{ExportEntry: client.ExportEntry{Type: o.Type, Attrs: maps.Clone(o.Attrs)}, from: o}
	if e.Attrs == nil {
		e.Attrs = map[string]string{}
	}
	delete(e.Attrs, "dest")
	where := o.Dest
	switch o.Type {
	case "cacheonly":
		return nil, nil
	case "registry":
		e.Type = client.ExporterImage
		e.Attrs["push"] = "true"
		if _, ok := e.Attrs["unpack"]; !ok {
			e.Attrs["unpack"] = "false"
		}
		where = t.name(e)
	case "image":
		where = t.name(e)
	case "oci", "docker":
		t.name(e)
		if err := t.archive(ctx, e, out); err != nil {
			return nil, err
		}
		if o.Form == config.EngineForm {
			where = "docker: " + e.Attrs["name"]
		}
	case "tar":
		t.toFile(e, out)
	case "local":
		dir, err := out.Folder(filepath.FromSlash(o.Dest), o.Delete)
		if err != nil {
			return nil, err
		}
		delete(e.Attrs, "mode")
		e.OutputDir = dir
	default:
		return nil, fmt.Errorf("unknown exporter %q; known are image, registry, oci, docker, local, tar and cacheonly", o.Type)
	}
	if o.Push && e.Attrs["name"] == "" {
		return nil, errors.New("a tag is needed to push an image: write tags = [\"registry/name:tag\"]")
	}
	for _, a := range t.plan.Target.Annotations {
		annotate(e, a)
	}
	twin, err := t.byDigest(e)
	if err != nil {
		return nil, err
	}
	t.report.Outputs = append(t.report.Outputs, runner.Output{Type: o.Type, Where: where})
	if twin != nil {
		return []exporter{*e, *twin}, nil
	}
	return []exporter{*e}, nil
}

// name fills in the image's names from the tags and returns them.
func (t *target) name(e *exporter) string {
	if tags := t.plan.Target.Tags; len(tags) > 0 {
		e.Attrs["name"] = strings.Join(tags, ",")
	}
	return e.Attrs["name"]
}

// archive says where an OCI or docker archive goes: a file, a folder, a Docker
// engine or the standard output.
func (t *target) archive(ctx context.Context, e *exporter, out *outputs.Files) error {
	switch e.from.Form {
	case config.FolderForm:
		store, err := out.Layout(filepath.FromSlash(e.from.Dest))
		if err != nil {
			return err
		}
		e.OutputStore = store
	case config.EngineForm:
		if l := t.run.opt.Loads; l != nil {
			e.Attrs["tar"], e.OutputStore = "false", l.Store()
			return nil
		}
		if t.run.opt.Load == nil {
			return errors.New("no Docker engine to load the image into: give the output a file (dest=…)")
		}
		w, err := t.run.opt.Load(ctx)
		if err != nil {
			return err
		}
		e.Output = func(map[string]string) (io.WriteCloser, error) { return w, nil }
	default:
		t.toFile(e, out)
	}
	return nil
}

func (t *target) toFile(e *exporter, out *outputs.Files) {
	dest := e.from.Dest
	if dest == "" || dest == "-" {
		e.Output = out.Stream("the standard output", t.run.opt.Stdout)
		return
	}
	e.Output = out.File(filepath.FromSlash(dest))
}

// annotate adds an annotation, "[TYPE[,TYPE][PLATFORM]:]KEY=VALUE", to an
// exporter under the name that BuildKit has for it.
func annotate(e *exporter, annotation string) {
	key, value, _ := strings.Cut(annotation, "=")
	kinds, name, ok := strings.Cut(key, ":")
	if !ok {
		kinds, name = "manifest", key
	}
	for kind := range strings.SplitSeq(kinds, ",") {
		full := "annotation"
		if plain, platform, ok := strings.Cut(kind, "["); ok {
			full += "-" + plain + "[" + platform
		} else if kind != "manifest" {
			full += "-" + kind
		}
		e.Attrs[full+"."+name] = value
	}
}

// takeResponse writes down what the exporters said.
func (t *target) takeResponse(response map[string]string) {
	if d := response[exptypes.ExporterImageDigestKey]; d != "" {
		t.report.Digest = d
	}
	t.addMetadata(metadata(response))
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

// metadata decodes the values that BuildKit hands over as base64 of JSON, as
// bake's metadata file has them.
func metadata(response map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range response {
		out[k] = v
		data, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			continue
		}
		var decoded map[string]any
		if json.Unmarshal(data, &decoded) == nil && len(decoded) > 0 {
			out[k] = json.RawMessage(data)
		}
	}
	return out
}

// csv is the one-line form of attributes, in a stable order.
func csv(attrs map[string]string) string {
	var fields []string
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		field := k + "=" + attrs[k]
		if strings.ContainsAny(field, ",\"") {
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		fields = append(fields, field)
	}
	return strings.Join(fields, ",")
}

// loadsApart puts the exports that are collected for a Docker engine behind the
// others, each by itself: the builder describes one image of a request.
func (t *target) loadsApart(exports []exporter) (rest []exporter, loads [][]exporter) {
	for _, e := range exports {
		if t.collected(e) {
			loads = append(loads, []exporter{e})
		} else {
			rest = append(rest, e)
		}
	}
	return rest, loads
}

// collected says whether an export goes to the images that are loaded together.
func (t *target) collected(e exporter) bool {
	return t.run.opt.Loads != nil && e.OutputStore == t.run.opt.Loads.Store()
}
