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
