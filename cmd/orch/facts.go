package main

import (
	"strconv"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/dockerproxy"
	"github.com/orch-build/orch/internal/mask"
	"github.com/orch-build/orch/runner/buildkit"
	"github.com/orch-build/orch/runner/buildkit/facts"
)

// proxies are the build arguments that the docker configuration has for every
// target. Their passwords are masked.
func proxies(e *env, mask *mask.Mask) map[string]string {
	args := dockerproxy.Args("", e.getenv)
	for _, value := range args {
		for _, secret := range config.Credentials(value) {
			mask.Add(secret)
		}
	}
	return args
}

// gitOptions reads the variables by which bake decides what images say of the
// repository. "full" is what labels once were asked for with.
func gitOptions(e *env) facts.Git {
	opt := facts.Git{
		Labels:     e.flagged("BUILDX_GIT_LABELS") || e.getenv("BUILDX_GIT_LABELS") == "full",
		Info:       true,
		CheckDirty: e.flagged("BUILDX_GIT_CHECK_DIRTY"),
	}
	if on, err := strconv.ParseBool(e.getenv("BUILDX_GIT_INFO")); err == nil {
		opt.Info = on
	}
	return opt
}

// metadataProvenance is how much provenance the metadata file has: as in bake, the
// short form unless BUILDX_METADATA_PROVENANCE says otherwise.
func metadataProvenance(e *env, metadataFile string) buildkit.ProvenanceMode {
	value := e.getenv("BUILDX_METADATA_PROVENANCE")
	on, err := strconv.ParseBool(value)
	switch {
	case metadataFile == "", value == "disabled", err == nil && !on:
		return buildkit.NoProvenance
	case value == "max":
		return buildkit.MaxProvenance
	}
	return buildkit.MinProvenance
}
