package exports

import (
	"encoding/csv"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/runner/engine/engineout"
)

// defaultProvenance is what is attached to an image when its target does not
// say anything about provenance: bake's own default. Its second part keeps
// it out of folders and file system archives.
const defaultProvenance = "mode=min,inline-only=true"

// Attestations are what is attached to the images of a target.
type Attestations struct {
	Target *config.Target
	// Outputs are the target's, with one that it has where it names none.
	Outputs []config.Output
	// Engine is how the Docker Engine that is the builder keeps images.
	Engine engineout.Store
	// NoDefault leaves images without provenance unless the target asks for it.
	NoDefault bool
}

// Of returns the frontend's options for what is attached to some outputs.
func (a Attestations) Of(outputs []config.Output) map[string]string {
	out := map[string]string{}
	decided := false
	for _, one := range a.Target.Attest {
		decided = decided || one.Type == "provenance"
		if !one.Disabled {
			out["attest:"+one.Type] = fields(one.Attrs)
		}
	}
	if !decided && !a.NoDefault && a.Engine != engineout.Plain && a.carriedBy(outputs) {
		out["attest:provenance"] = defaultProvenance
	}
	return out
}

// Any says whether any output of the target gets attestations.
func (a Attestations) Any() bool {
	for _, o := range a.Outputs {
		if o.Type != "cacheonly" && len(a.Of([]config.Output{o})) > 0 {
			return true
		}
	}
	return false
}

// carriedBy says whether any of the outputs is an image that
// provenance can be attached to, and none is one where that is an error.
func (a Attestations) carriedBy(outputs []config.Output) bool {
	carries := false
	for _, o := range outputs {
		kept := a.Engine == engineout.Containerd && engineout.IsImage(o)
		if o.Form != config.ImageForm && o.Type != client.ExporterOCI && !kept {
			continue
		}
		if o.DockerTypes {
			return false
		}
		carries = true
	}
	return carries
}

// Written are the outputs of a group as the target has them.
func Written(group []Entry) []config.Output {
	out := make([]config.Output, len(group))
	for i, o := range group {
		out[i] = o.From
	}
	return out
}

// fields is the one-line form of attributes, in a stable order.
func fields(attrs map[string]string) string {
	var record []string
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		record = append(record, k+"="+attrs[k])
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(record) // a strings.Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}
