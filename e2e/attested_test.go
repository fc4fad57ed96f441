//go:build linux

package e2e

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAttested wants the index of a name in the registry to have exactly these
// platforms, each with an attestation: "attested IMAGE PLATFORM...".
func cmdAttested(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: attested IMAGE PLATFORM...")
	}
	ref, err := name.ParseReference(args[0], name.Insecure)
	ts.Check(err)
	index, err := remote.Index(ref)
	ts.Check(err)
	m, err := index.IndexManifest()
	ts.Check(err)
	var have, attested []string
	byDigest := map[string]string{}
	for _, d := range m.Manifests {
		if of := d.Annotations["vnd.docker.reference.digest"]; of != "" {
			attested = append(attested, byDigest[of])
			continue
		}
		byDigest[d.Digest.String()] = d.Platform.String()
		have = append(have, d.Platform.String())
	}
	if !slices.Equal(have, args[1:]) || !slices.Equal(attested, args[1:]) {
		ts.Fatalf("%s has the platforms %v, with attestations for %v", args[0], have, attested)
	}
}

// cmdMetadata wants md.json to say of each target what its tags in the registry
// are: the digest, the names, and a descriptor of the same.
func cmdMetadata(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: metadata")
	}
	var md map[string]struct {
		Digest     string `json:"containerimage.digest"`
		Name       string `json:"image.name"`
		Descriptor struct {
			Digest    string
			MediaType string
			Size      int64
		} `json:"containerimage.descriptor"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("md.json")), &md))
	if len(md) == 0 {
		ts.Fatalf("md.json has no targets")
	}
	for target, m := range md {
		for tag := range strings.SplitSeq(m.Name, ",") {
			d, err := imageDigest(ts, tag)
			if err != nil || d.String() != m.Digest {
				ts.Fatalf("%s: %s is %s, %v; containerimage.digest is %s", target, tag, d, err, m.Digest)
			}
		}
		if m.Descriptor.Digest != m.Digest || m.Descriptor.MediaType == "" || m.Descriptor.Size == 0 {
			ts.Fatalf("%s: containerimage.descriptor is %+v", target, m.Descriptor)
		}
	}
}
