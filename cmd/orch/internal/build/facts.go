package build

import (
	"strconv"

	"github.com/orch-build/orch/cmd/orch/internal/planning"
	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/dockerproxy"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/runner/buildkit"
)

// proxies are the build arguments that the docker configuration has for every
// target. Their passwords are masked.
func proxies(e *planning.Session, mask *mask.Mask) map[string]string {
	args := dockerproxy.Args("", e.Getenv)
	for _, value := range args {
		for _, secret := range config.Credentials(value) {
			mask.Add(secret)
		}
	}
	return args
}

// metadataProvenance is how much provenance the metadata file has: as in bake, the
// short form unless BUILDX_METADATA_PROVENANCE says otherwise.
func metadataProvenance(e *planning.Session, metadataFile string) buildkit.ProvenanceMode {
	value := e.Getenv("BUILDX_METADATA_PROVENANCE")
	on, err := strconv.ParseBool(value)
	switch {
	case metadataFile == "", value == "disabled", err == nil && !on:
		return buildkit.NoProvenance
	case value == "max":
		return buildkit.MaxProvenance
	}
	return buildkit.MinProvenance
}
