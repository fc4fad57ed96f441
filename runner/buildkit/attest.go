package buildkit

import (
	"strconv"

	"github.com/moby/buildkit/client"
)

// defaultProvenance is what is attached to an image when its target does not
// say anything about provenance: the peer's own default. Its second part keeps
// it out of folders and file system archives.
const defaultProvenance = "mode=min,inline-only=true"

// attestations are the frontend's options for what is attached to the result.
func (t *target) attestations(exports []client.ExportEntry) map[string]string {
	out := map[string]string{}
	decided := false
	for _, a := range t.plan.Target.Attest {
		decided = decided || a.Type == "provenance"
		if a.Attrs["disabled"] != "true" {
			out["attest:"+a.Type] = csv(a.Attrs)
		}
	}
	if !decided && !t.run.opt.NoDefaultAttestations && carriesAttestations(exports) {
		out["attest:provenance"] = defaultProvenance
	}
	return out
}

// attested says whether any output of the target gets attestations, so that
// the builder's own frontend makes the result for it.
func (t *target) attested() bool {
	for _, o := range t.plan.Target.Outputs {
		if o.Type == "cacheonly" {
			continue
		}
		e := client.ExportEntry{Type: o.Type, Attrs: o.Attrs}
		if o.Type == "registry" {
			e.Type = client.ExporterImage
		}
		if len(t.attestations([]client.ExportEntry{e})) > 0 {
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
func carriesAttestations(exports []client.ExportEntry) bool {
	carries := false
	for _, e := range exports {
		switch e.Type {
		case client.ExporterImage, client.ExporterOCI:
			if oci, err := strconv.ParseBool(e.Attrs["oci-mediatypes"]); err == nil && !oci {
				return false
			}
			carries = true
		}
	}
	return carries
}
