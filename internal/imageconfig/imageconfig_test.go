package imageconfig

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// push stores an index with an image for each of two platforms under a tag.
func push(t *testing.T, c *registry.Client, name string) (index string) {
	t.Helper()
	ref, err := registry.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	var list []ocispecs.Descriptor
	for _, arch := range []string{"amd64", "arm64"} {
		config := []byte(`{"architecture":"` + arch + `","os":"linux","config":{"Env":["ARCH=` + arch + `"]}}`)
		if err := c.PutBlob(t.Context(), ref.Repo, config); err != nil {
			t.Fatal(err)
		}
		data := manifest(t, ocispecs.Manifest{Config: ocispecs.Descriptor{Digest: digest.FromBytes(config), Size: int64(len(config))}})
		d := digest.FromBytes(data)
		put(t, c, registry.Ref{Repo: ref.Repo, Tag: d.String()}, ocispecs.MediaTypeImageManifest, data)
		list = append(list, ocispecs.Descriptor{Digest: d, Size: int64(len(data)), Platform: &ocispecs.Platform{OS: "linux", Architecture: arch}})
	}
	data := manifest(t, ocispecs.Index{Manifests: list})
	put(t, c, ref, ocispecs.MediaTypeImageIndex, data)
	return digest.FromBytes(data).String()
}

func manifest(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, c *registry.Client, ref registry.Ref, mediaType string, data []byte) {
	t.Helper()
	if err := c.Put(t.Context(), ref, &registry.Manifest{MediaType: mediaType, Data: data}); err != nil {
		t.Fatal(err)
	}
}

func TestImage(t *testing.T) {
	s := registrytest.New(t)
	client := registry.New(registry.Options{})
	name := s.Host + "/base:1"
	want := push(t, client, name)
	store := Store(filepath.Join(t.TempDir(), "images"))
	linux := func(architecture string) ocispecs.Platform {
		return ocispecs.Platform{OS: "linux", Architecture: architecture}
	}
	ask := func(client *registry.Client, name, architecture string) Image {
		t.Helper()
		img, err := (&Resolver{Store: store, Client: client}).Image(t.Context(), name, linux(architecture))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	if _, err := (&Resolver{Store: store}).Image(t.Context(), name, linux("amd64")); !errors.Is(err, ErrUnknown) {
		t.Errorf("a tag is known without asking: %v", err)
	}
	if img := ask(nil, name+"@"+want, "amd64"); img.Digest != want || img.Config != nil {
		t.Errorf("a digest that was not seen: %v", img)
	}
	img := ask(client, name, "arm64")
	if img.Digest != want || !strings.Contains(string(img.Config), "ARCH=arm64") {
		t.Errorf("got %s %s", img.Digest, img.Config)
	}
	s.Asked()
	if again := ask(nil, name+"@"+want, "arm64"); !slices.Equal(again.Config, img.Config) || len(s.Asked()) > 0 {
		t.Errorf("remembered: %s, or somebody was asked", again.Config)
	}
	if again := ask(client, name, "arm64"); again.Digest != want || len(s.Asked()) != 1 {
		t.Errorf("a tag of a remembered image: %s, or not one request", again.Digest)
	}
	files, err := filepath.Glob(filepath.Join(string(store), "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("remembered %q: %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("sha256:00\nbroken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := ask(client, name, "arm64"); !slices.Equal(again.Config, img.Config) {
		t.Errorf("after damage: %s", again.Config)
	}
	if _, err := (&Resolver{Client: client}).Image(t.Context(), name, linux("s390x")); err == nil || !strings.Contains(err.Error(), "not there for linux/s390x") {
		t.Errorf("another platform: %v", err)
	}
	if _, err := (&Resolver{Client: client}).Image(t.Context(), s.Host+"/base:none", linux("amd64")); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("another tag: %v", err)
	}
}
