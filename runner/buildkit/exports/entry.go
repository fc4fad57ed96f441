package exports

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/outputs"
	"github.com/orch-build/orch/runner/engine/engineout"
)

// Entry is an output of a target as the builder gets it.
type Entry struct {
	client.ExportEntry
	From config.Output
	// Tags are taken off the name of the image: they are moved once the whole
	// run is good.
	Tags []string
	// Twin says that this is the image of the output before it, under other
	// names.
	Twin bool
}

// Maker makes the exports of a target.
type Maker struct {
	Target *config.Target
	// Outputs are the target's, with one that it has where it names none.
	Outputs []config.Output
	// Engine is how the Docker Engine that is the builder keeps images.
	Engine engineout.Store
	// Files writes what comes to this machine.
	Files *outputs.Files
	// Stdout receives outputs whose destination is "-".
	Stdout io.Writer
	// Load receives an image for a Docker engine; Loads, if it is not nil, collects
	// such images.
	Load  func(ctx context.Context, engine string) (io.WriteCloser, error)
	Loads *outputs.Loads
	// KeepsIndex, if set, says which engines keep an image as it is, with all of its
	// platforms and attestations.
	KeepsIndex func(engine string) bool
	// ByDigest, if set, says of which registries images are pushed without their
	// tags.
	ByDigest func(domain string) bool
}

// Groups returns the exports of the target, in groups that are exported one after
// the other, and what the report says of its outputs. Images that are collected
// for a Docker engine come behind the others, each by itself: the builder
// describes one image of a request.
func (m *Maker) Groups(ctx context.Context) ([][]Entry, []runner.Output, error) {
	var rest []Entry
	var loads [][]Entry
	var written []runner.Output
	for _, o := range m.Outputs {
		entries, out, err := m.entry(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		if len(entries) > 0 {
			written = append(written, out)
		}
		for _, e := range entries {
			if m.Loads.Collects(e.OutputStore) {
				loads = append(loads, []Entry{e})
			} else {
				rest = append(rest, e)
			}
		}
	}
	switch {
	case m.Engine == engineout.Plain:
		return alone(rest), written, nil
	case len(rest) == 0:
		return loads, written, nil
	}
	return append(m.apart(rest), loads...), written, nil
}

// entry is one output; where an image has names in registries of both
// kinds, it takes two exports.
func (m *Maker) entry(ctx context.Context, o config.Output) ([]Entry, runner.Output, error) {
	e := &Entry{ExportEntry: client.ExportEntry{Type: o.Type, Attrs: maps.Clone(o.Attrs)}, From: o}
	if e.Attrs == nil {
		e.Attrs = map[string]string{}
	}
	delete(e.Attrs, "dest")
	where := o.Dest
	switch o.Type {
	case "cacheonly":
		return nil, runner.Output{}, nil
	case "registry":
		e.Type = client.ExporterImage
		e.Attrs["push"] = "true"
		if _, ok := e.Attrs["unpack"]; !ok {
			e.Attrs["unpack"] = "false"
		}
		where = m.name(e)
	case "image":
		where = m.name(e)
	case "oci", "docker":
		m.name(e)
		if o.Form == config.EngineForm {
			where = "docker: " + e.Attrs["name"]
			if m.Engine != engineout.None {
				break
			}
		}
		if err := m.archive(ctx, e); err != nil {
			return nil, runner.Output{}, err
		}
	case "tar":
		m.toFile(e)
	case "local":
		dir, err := m.Files.Folder(filepath.FromSlash(o.Dest), o.Delete)
		if err != nil {
			return nil, runner.Output{}, err
		}
		delete(e.Attrs, "mode")
		e.OutputDir = dir
	default:
		return nil, runner.Output{}, fmt.Errorf("unknown exporter %q; known are image, registry, oci, docker, local, tar and cacheonly", o.Type)
	}
	if o.Push && e.Attrs["name"] == "" {
		return nil, runner.Output{}, errors.New("a tag is needed to push an image: write tags = [\"registry/name:tag\"]")
	}
	for _, a := range m.Target.Annotations {
		annotate(e, a)
	}
	names := e.Attrs["name"]
	twin, err := m.byDigest(e)
	if err != nil {
		return nil, runner.Output{}, err
	}
	written := runner.Output{Type: o.Type, Where: where}
	if m.Engine != engineout.None && engineout.IsImage(o) {
		kept, err := m.onEngine(e, twin, names)
		return kept, written, err
	}
	if twin != nil {
		return []Entry{*e, *twin}, written, nil
	}
	return []Entry{*e}, written, nil
}

// name fills in the image's names from the tags and returns them.
func (m *Maker) name(e *Entry) string {
	if tags := m.Target.Tags; len(tags) > 0 {
		e.Attrs["name"] = strings.Join(tags, ",")
	}
	return e.Attrs["name"]
}

// archive says where an OCI or docker archive goes: a file, a folder, a Docker
// engine or the standard output.
func (m *Maker) archive(ctx context.Context, e *Entry) error {
	switch e.From.Form {
	case config.FolderForm:
		store, err := m.Files.Layout(ctx, filepath.FromSlash(e.From.Dest))
		if err != nil {
			return err
		}
		e.OutputStore = store
	case config.EngineForm:
		if m.KeepsIndex != nil && m.KeepsIndex(e.From.Engine) {
			e.Type = client.ExporterOCI
			e.Attrs["prefer-image-digest"] = "true"
		}
		if l := m.Loads; l != nil {
			e.Attrs["tar"], e.OutputStore = "false", l.Store()
			return nil
		}
		if m.Load == nil {
			return errors.New("no Docker engine to load the image into: give the output a file (dest=…)")
		}
		w, err := m.Load(ctx, e.From.Engine)
		if err != nil {
			return err
		}
		e.Output = func(map[string]string) (io.WriteCloser, error) { return w, nil }
	default:
		m.toFile(e)
	}
	return nil
}

func (m *Maker) toFile(e *Entry) {
	dest := e.From.Dest
	if dest == "" || dest == "-" {
		e.Output = m.Files.Stream("the standard output", m.Stdout)
		return
	}
	e.Output = m.Files.File(filepath.FromSlash(dest))
}

// annotate adds an annotation, "[TYPE[,TYPE][PLATFORM]:]KEY=VALUE", to an
// exporter under the name that BuildKit has for it.
func annotate(e *Entry, annotation string) {
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

// Metadata decodes the values that BuildKit hands over as base64 of JSON, as
// bake's metadata file has them.
func Metadata(response map[string]string) map[string]any {
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
