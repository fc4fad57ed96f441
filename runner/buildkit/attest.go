package buildkit

import (
	"github.com/moby/buildkit/client"

	"github.com/orch-build/orch/config"
)

// defaultProvenance is what is attached to an image when its target does not
// say anything about provenance: bake's own default. Its second part keeps
// it out of folders and file system archives.
const defaultProvenance = "mode=min,inline-only=true"

// attestations are the frontend's options for what is attached to the result.
func (t *target) attestations(outputs []config.Output) map[string]string {
	out := map[string]string{}
	decided := false
	for _, a := range t.plan.Target.Attest {
		decided = decided || a.Type == "provenance"
		if !a.Disabled {
			out["attest:"+a.Type] = csv(a.Attrs)
		}
	}
	if !decided && !t.run.opt.NoDefaultAttestations && carriesAttestations(outputs) {
		out["attest:provenance"] = defaultProvenance
	}
	return out
}

// attested says whether any output of the target gets attestations, so that
// the builder's own frontend makes the result for it.
func (t *target) attested() bool {
	for _, o := range t.plan.Target.Outputs {
		if o.Type != "cacheonly" && len(t.attestations([]config.Output{o})) > 0 {
			return true
		}
	}
	return false
}

// crosses says whether a frontend on the builder reads the target, beside the
// linked one or in its place.
func (t *target) crosses() bool { return t.foreign() || t.attested() }

// carriesAttestations says whether any of the outputs is an image that
// provenance can be attached to, and none is one where that is an error.
func carriesAttestations(outputs []config.Output) bool {
	carries := false
	for _, o := range outputs {
		if o.Form != config.ImageForm && o.Type != client.ExporterOCI {
			continue
		}
		if o.DockerTypes {
			return false
		}
		carries = true
	}
	return carries
}

// written are the outputs of a group as the target has them.
func written(group []exporter) []config.Output {
	out := make([]config.Output, len(group))
	for i, o := range group {
		out[i] = o.from
	}
	return out
}
