//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layerOptions are those of every exporter that writes an image.
var layerOptions = []string{
	"name", "oci-mediatypes=true", "oci-mediatypes=false", "oci-artifact=false", "attestation-inline=false", "prefer-nondist-layers=true",
	"source-date-epoch", "rewrite-timestamp=true", "annotation", "force-compression=true", "compression-level",
	"compression=gzip", "compression=zstd", "compression=estargz", "compression=uncompressed",
}

// paritySurface is what BuildKit v0.33 and bake know of each exporter, as
// option or option=value; TestParity holds the results against bake's. An
// image for a Docker engine is the subject of TestLoad.
var paritySurface = map[string][]string{
	"image": append([]string{
		"push=true", "push-by-digest=true", "registry.insecure=true", "unpack=false", "store=false", "store=true",
		"dangling-name-prefix", "name-canonical=true", "oci-artifact=true", "attestation-inline=true", "rewrite-timestamp=false",
		"annotation-index", "annotation-manifest", "annotation-manifest[linux/arm64]", "annotation-manifest-descriptor",
		"annotation-manifest-descriptor[linux/amd64]", "buildinfo", "buildinfo-attrs", "x-anything",
	}, layerOptions...),
	"registry": append([]string{
		"push=false", "push-by-digest=true", "registry.insecure=true", "unpack=false", "store=true", "dangling-name-prefix",
		"danging-name-empty-only", "name-canonical=true", "attestation-inline=true", "force-compression=false",
	}, slices.DeleteFunc(slices.Clone(layerOptions), func(o string) bool { return o == "attestation-inline=false" })...),
	"oci": append([]string{
		"dest", "tar=true", "tar=false", "oci-artifact=true", "attestation-inline=true", "annotation-index",
		"annotation-index-descriptor", "annotation-manifest-descriptor",
	}, layerOptions...),
	"docker":    append([]string{"dest"}, layerOptions...),
	"local":     {"dest", "src", "mode=copy", "mode=delete", "platform-split=true", "platform-split=false", "attestation-prefix", "source-date-epoch"},
	"tar":       {"dest", "src", "platform-split=true", "platform-split=false", "attestation-prefix", "source-date-epoch"},
	"cacheonly": {},
}

// TestParitySurface proves that every option of every exporter is in a project
// that TestParity builds.
func TestParitySurface(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, project := range []string{"exporters", "options"} {
		for _, output := range printedOutputs(t, filepath.Join("testdata/parity", project)) {
			options := used[output["type"]]
			if options == nil {
				options = map[string]bool{}
				used[output["type"]] = options
			}
			for key, value := range output {
				if strings.HasPrefix(key, "annotation") {
					key, _, _ = strings.Cut(key, ".")
				}
				options[key], options[key+"="+value] = true, true
			}
		}
	}
	for exporter, options := range paritySurface {
		if used[exporter] == nil {
			t.Errorf("no project has the exporter %s", exporter)
		}
		for _, o := range options {
			if !used[exporter][o] {
				t.Errorf("no project has the exporter %s with %s", exporter, o)
			}
		}
	}
}

// printedOutputs are the outputs of all targets of a project.
func printedOutputs(t *testing.T, dir string) []map[string]string {
	t.Helper()
	cmd := runOrch(dir, "bake", "--print", "-f", "docker-bake.hcl")
	cmd.Env = append(os.Environ(), "REPO=r.example", "BUSYBOX=/nowhere")
	data, err := cmd.Output()
	var printed struct {
		Target map[string]struct{ Output []map[string]string }
	}
	if err == nil {
		err = json.Unmarshal(data, &printed)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", dir, err, data)
	}
	var out []map[string]string
	for _, target := range printed.Target {
		out = append(out, target.Output...)
	}
	return out
}
