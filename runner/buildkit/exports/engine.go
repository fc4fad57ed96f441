package exports

import (
	"maps"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/runner/engine/engineout"
)

// onEngine turns the exports of an image into those of a Docker Engine's own
// BuildKit: images are kept by its own exporter. What is pushed by digest is kept
// in the engine as well, under its names.
func (m *Maker) onEngine(e, twin *Entry, names string) ([]Entry, error) {
	names, err := engineout.Names(names)
	if err != nil {
		return nil, err
	}
	keep := Entry{ExportEntry: client.ExportEntry{Type: engineout.Exporter, Attrs: engineout.Keep(e.Attrs)}, From: e.From}
	delete(keep.Attrs, "name")
	if names != "" {
		keep.Attrs["name"] = names
	}
	pushes := e.From.Push && m.Engine == engineout.Containerd
	switch {
	case len(e.Tags) > 0:
		keep.Twin = true
		e.Type, e.Attrs["store"] = client.ExporterImage, "false"
		out := []Entry{*e, keep}
		if twin != nil {
			twin.Attrs["store"] = "false"
			out = append(out, *twin)
		}
		return out, nil
	case pushes && e.From.ByDigest:
		e.Type, e.Attrs["store"] = client.ExporterImage, "false"
		return []Entry{*e}, nil
	case pushes:
		maps.Copy(keep.Attrs, pushAttrs(e.Attrs))
	}
	return []Entry{keep}, nil
}

// pushAttrs are the attributes of a push.
func pushAttrs(attrs map[string]string) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"push", "registry.insecure"} {
		if v, ok := attrs[name]; ok {
			out[name] = v
		}
	}
	return out
}

// alone puts each export by itself: the BuildKit of older engines takes one
// output of a request.
func alone(exports []Entry) [][]Entry {
	var out [][]Entry
	for _, e := range exports {
		out = append(out, []Entry{e})
	}
	return out
}
