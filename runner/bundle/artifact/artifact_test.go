package artifact

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
	"github.com/orch-build/orch/runner/bundle"
	"github.com/orch-build/orch/runner/bundle/folder"
)

// write makes a bundle with one image of two layers, and returns its blobs.
func write(t *testing.T, dir, name, content string) []digest.Digest {
	t.Helper()
	f, err := folder.Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	blob := func(text string) ocispecs.Descriptor {
		d := digest.FromString(text)
		if err := f.Write(d, int64(len(text)), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		return ocispecs.Descriptor{MediaType: "x", Digest: d, Size: int64(len(text))}
	}
	config, shared, own := blob(`{"architecture":"amd64","os":"linux"}`), blob("a layer that all have"), blob(content)
	text, err := json.Marshal(ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Config: config, Layers: []ocispecs.Descriptor{shared, own}})
	if err != nil {
		t.Fatal(err)
	}
	image := blob(string(text))
	image.MediaType = ocispecs.MediaTypeImageManifest
	held := lock.New(lock.FileName)
	e := &bundle.Entry{Key: lock.Key{Kind: lock.Image, Name: lock.Canonical(lock.Image, name)}, Pin: image.Digest.String(), Image: image}
	held.Put(lock.Entry{Key: e.Key, Digest: e.Pin})
	if _, err := f.Finish([]*bundle.Entry{e}, held); err != nil {
		t.Fatal(err)
	}
	return []digest.Digest{image.Digest, config.Digest, shared.Digest, own.Digest}
}

// files are the names and contents of a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&out, "%s %x\n", rel, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestThereAndBack sends a bundle to a registry and fetches it: what comes back is
// what was sent, each way moves only what is missing, and the same bundle is the
// same artifact.
func TestThereAndBack(t *testing.T) {
	s, client, ctx := registrytest.New(t), registry.New(registry.Options{}), context.Background()
	here, there := filepath.Join(t.TempDir(), "bundle"), filepath.Join(t.TempDir(), "bundle")
	ref := s.Host + "/team/bundle:1"
	write(t, here, "example.com/base:1", "one")
	sent, err := Push(ctx, client, here, ref)
	if err != nil || sent.Moved != 4 || sent.Blobs != 4 || sent.Entries != 1 || sent.Ref != ref {
		t.Fatalf("%+v, %v", sent, err)
	}
	if got := s.Tag("team/bundle:1"); got != sent.Digest {
		t.Errorf("the tag is %s, and %s was said", got, sent.Digest)
	}
	again, err := Push(ctx, client, here, s.Host+"/team/bundle:2")
	if err != nil || again.Moved != 0 || again.Digest != sent.Digest {
		t.Errorf("another time: %+v, %v", again, err)
	}
	got, err := Pull(ctx, client, ref, there)
	if err != nil || got.Moved != 4 || got.Digest != sent.Digest {
		t.Fatalf("%+v, %v", got, err)
	}
	if files(t, here) != files(t, there) {
		t.Errorf("sent\n%s\nfetched\n%s", files(t, here), files(t, there))
	}

	// The next one shares what both images have.
	write(t, here, "example.com/base:1", "two")
	if sent, err = Push(ctx, client, here, ref); err != nil || sent.Moved != 2 {
		t.Errorf("%+v, %v", sent, err)
	}
	if got, err = Pull(ctx, client, s.Host+"/team/bundle@"+sent.Digest, there); err != nil || got.Moved != 2 || got.Removed != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if files(t, here) != files(t, there) {
		t.Error("the folders differ")
	}
}

// TestTakenOver pushes a bundle to the registry that its image comes from, which has
// the blobs already.
func TestTakenOver(t *testing.T) {
	s, client, ctx := registrytest.New(t), registry.New(registry.Options{}), context.Background()
	dir := filepath.Join(t.TempDir(), "bundle")
	for _, d := range write(t, dir, s.Host+"/base:1", "one")[1:] {
		data, err := os.ReadFile(bundle.Path(dir, d))
		if err != nil {
			t.Fatal(err)
		}
		s.SetBlob("base", d.String(), data)
	}
	sent, err := Push(ctx, client, dir, s.Host+"/team/bundle")
	if err != nil || sent.Moved != 1 { // the manifest is not a blob there
		t.Errorf("%+v, %v", sent, err)
	}
}

// TestInterrupted cuts a pull off: the folder is not a bundle then, and the next pull
// fetches the rest.
func TestInterrupted(t *testing.T) {
	s, client, ctx := registrytest.New(t), registry.New(registry.Options{}), context.Background()
	here, there := filepath.Join(t.TempDir(), "bundle"), filepath.Join(t.TempDir(), "bundle")
	ref := s.Host + "/team/bundle:1"
	blobs := write(t, here, "example.com/base:1", "one")
	if _, err := Push(ctx, client, here, ref); err != nil {
		t.Fatal(err)
	}
	last := blobs[3].String()
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, last) {
			registrytest.Fail(w, http.StatusForbidden, "DENIED", "not now")
			return true
		}
		return false
	})
	if _, err := Pull(ctx, client, ref, there); err == nil || !strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
	if _, err := bundle.Open(there); err == nil {
		t.Error("half a bundle can be used")
	}
	s.Before(nil)
	got, err := Pull(ctx, client, ref, there)
	if err != nil || files(t, here) != files(t, there) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRefused has what cannot be pushed or pulled: each is said, and no folder that
// can be taken for a bundle is left.
func TestRefused(t *testing.T) {
	s, client, ctx := registrytest.New(t), registry.New(registry.Options{}), context.Background()
	dir := filepath.Join(t.TempDir(), "bundle")
	blobs := write(t, dir, "example.com/base:1", "one")
	if _, err := Push(ctx, client, dir, s.Host+"/good:1"); err != nil {
		t.Fatal(err)
	}
	s.Push("image", "an image", "1")
	s.SetBlob("good", blobs[3].String(), []byte("another content"))
	manifest := func(tag, artifact string, layers ...ocispecs.Descriptor) {
		t.Helper()
		data, err := json.Marshal(ocispecs.Manifest{
			MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: artifact,
			Config: ocispecs.Descriptor{Digest: blobs[0], Size: 1}, Layers: layers,
		})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := registry.Parse(s.Host + "/odd:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Put(ctx, ref, &registry.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	manifest("path", artifactType, ocispecs.Descriptor{MediaType: blobType, Digest: "sha256:../../../x"})
	manifest("algorithm", artifactType, ocispecs.Descriptor{MediaType: blobType, Digest: digest.SHA512.FromString("x")})
	manifest("unlocked", artifactType)
	manifest("newer", artifactType, ocispecs.Descriptor{MediaType: "application/vnd.orch.other.v1", Digest: blobs[0]})
	manifest("large", artifactType, ocispecs.Descriptor{MediaType: lockType, Digest: blobs[0], Size: 1 << 40})
	for name, want := range map[string]string{
		"/good:1":        "something else",
		"/image:1":       "it is not a bundle",
		"/none:1":        "there is no bundle",
		"/odd:path":      "no usable digest",
		"/odd:algorithm": "no usable digest",
		"/odd:unlocked":  "there is no lock",
		"/odd:newer":     "a newer orch",
		"/odd:large":     "", // its config is not there
		"/UPPER":         "invalid reference",
	} {
		to := filepath.Join(t.TempDir(), "bundle")
		if _, err := Pull(ctx, client, s.Host+name, to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := bundle.Open(to); err == nil {
			t.Errorf("%s: a bundle is there", name)
		}
	}

	// A folder with something else is left alone.
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Pull(ctx, client, s.Host+"/good:1", other); err == nil || !strings.Contains(err.Error(), "and no bundle") {
		t.Error(err)
	}

	for name, damage := range map[string]func(path string) error{
		"has 1 of 3 bytes":  func(path string) error { return os.WriteFile(path, []byte("o"), 0o644) },
		"has other content": func(path string) error { return os.WriteFile(path, []byte("uno"), 0o644) },
		"is not there":      os.Remove,
	} {
		if err := damage(bundle.Path(dir, blobs[3])); err != nil {
			t.Fatal(err)
		}
		if _, err := Push(ctx, client, dir, s.Host+"/bad:1"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Tag("bad:1") != "" {
		t.Error("a damaged bundle is in the registry")
	}
	if _, err := Push(ctx, client, dir, s.Host+"/bad@"+blobs[0].String()); err == nil || !strings.Contains(err.Error(), "not to a digest") {
		t.Error(err)
	}
}

// Whatever a registry answers, it is read or refused.
func FuzzRead(f *testing.F) {
	good := digest.FromString("x").String()
	f.Add([]byte(`{"artifactType":"` + artifactType + `","config":{"digest":"` + good + `"},"layers":[{"mediaType":"` + lockType + `","digest":"` + good + `","size":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := read(data)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if c == nil {
			return
		}
		for _, d := range append(c.blobs, c.index, c.lock) {
			if d.Digest.Validate() != nil {
				t.Fatalf("the digest %q", d.Digest)
			}
		}
	})
}
