package same

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
)

// repo is a repository of documents by their digests.
type repo map[string][]byte

func (r repo) put(t *testing.T, v any) digest.Digest {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromBytes(data)
	r[d.String()] = data
	return d
}

func (r repo) Manifest(_ context.Context, ref registry.Ref) (*registry.Manifest, error) {
	data, ok := r[ref.Tag]
	if !ok {
		return nil, errors.New("not there")
	}
	return &registry.Manifest{MediaType: ocispecs.MediaTypeImageIndex, Data: data}, nil
}

func (r repo) Blob(_ context.Context, _ registry.Repo, d digest.Digest) ([]byte, error) {
	return r[d.String()], nil
}

// index is an index with one image, and a statement about it if there is one.
func (r repo) index(t *testing.T, image digest.Digest, kind string, statement any) string {
	t.Helper()
	list := []ocispecs.Descriptor{{Digest: image, Size: 3, Platform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"}}}
	if kind != "" {
		layer := ocispecs.Descriptor{Digest: r.put(t, statement), Annotations: map[string]string{predicateType: kind}}
		about := ocispecs.Descriptor{
			Digest:      r.put(t, ocispecs.Manifest{Layers: []ocispecs.Descriptor{layer}}),
			Annotations: map[string]string{referenceType: "attestation-manifest", referenceDigest: image.String()},
		}
		list = append(list, about)
	}
	return r.put(t, ocispecs.Index{Manifests: list}).String()
}

// TestContent compares indexes whose images are the same or not, with what
// provenance says.
func TestContent(t *testing.T) {
	r := repo{}
	const slsa, sbom = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
	one, two := digest.FromString("one"), digest.FromString("two")
	at := func(when, more string) map[string]any {
		return map[string]any{"predicate": map[string]any{
			"runDetails":      map[string]any{"metadata": map[string]any{"invocationId": when + "id", "startedOn": when, "finishedOn": when, "buildkit_metadata": map[string]any{"layers": when}}},
			"buildDefinition": more,
		}}
	}
	bare := r.put(t, ocispecs.Manifest{Config: ocispecs.Descriptor{Digest: one}}).String()
	for _, c := range []struct {
		name string
		a, b string
		want bool
	}{
		{"nothing is attested", r.index(t, one, "", nil), r.index(t, two, "", nil), false},
		{"other times", r.index(t, one, slsa, at("1", "x")), r.index(t, one, slsa, at("2", "x")), true},
		{"another image", r.index(t, one, slsa, at("1", "x")), r.index(t, two, slsa, at("2", "x")), false},
		{"another build", r.index(t, one, slsa, at("1", "x")), r.index(t, one, slsa, at("1", "y")), false},
		{"another kind", r.index(t, one, slsa, at("1", "x")), r.index(t, one, sbom, at("1", "x")), false},
		{"an SBOM made anew", r.index(t, one, sbom, at("1", "x")), r.index(t, one, sbom, at("2", "y")), true},
		{"none before", r.index(t, one, "", nil), r.index(t, one, slsa, at("1", "x")), false},
		{"no index", bare, r.index(t, one, "", nil), false},
		{"the same", bare, bare, true},
	} {
		got, err := Content(t.Context(), r, registry.Repo{}, c.a, c.b)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if _, err := Content(t.Context(), r, registry.Repo{}, bare, "sha256:gone"); err == nil {
		t.Error("what is gone is compared")
	}
}
