package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/planner/outside"
)

// hostile is a bundle with one image, whose manifest is data.
func hostile(t testing.TB, dir string, data []byte) (*Bundle, *Entry) {
	t.Helper()
	d := digest.FromBytes(data)
	path := Path(dir, d)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	e := &Entry{
		Key: lock.Key{Kind: lock.Image, Name: "a"}, Pin: d.String(),
		Image: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: d, Size: int64(len(data))},
	}
	return &Bundle{Dir: dir, Entries: []*Entry{e}}, e
}

// TestHostileManifest looks into bundles whose manifests name what no blob is
// called: that is said, nothing outside of the bundle is taken for a blob, and
// nothing panics.
func TestHostileManifest(t *testing.T) {
	good := digest.FromString("x").String()
	for _, name := range []string{"", "x", ":", "sha256:", "sha256:../../../file", "sha1:" + strings.Repeat("a", 40), "md5:x"} {
		for what, text := range map[string]string{
			"config":   fmt.Sprintf(`{"config":{"digest":%q,"size":1},"layers":[]}`, name),
			"layer":    fmt.Sprintf(`{"config":{"digest":%q,"size":1},"layers":[{"digest":%q,"size":1}]}`, good, name),
			"manifest": fmt.Sprintf(`{"manifests":[{"digest":%q,"size":1}]}`, name),
			"platform": fmt.Sprintf(`{"manifests":[{"digest":%q,"size":1,"platform":{"os":"linux","architecture":"amd64"}}]}`, name),
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
			b, e := hostile(t, filepath.Join(dir, "bundle"), []byte(text))
			if err := os.MkdirAll(filepath.Dir(Path(b.Dir, digest.Digest(good))), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(Path(b.Dir, digest.Digest(good)), []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
			it := &outside.Item{Key: e.Key, Platforms: []string{"linux/amd64"}}
			if why := b.whole(it, e); !strings.Contains(why, "reading ") {
				t.Errorf("%s %q: %q", what, name, why)
			}
		}
	}
}

// Whatever is in a bundle, it is read or refused.
func FuzzOpen(f *testing.F) {
	good := digest.FromString("x")
	f.Add([]byte(`{"manifests":[{"digest":"`+good.String()+`","annotations":{"build.orch.kind":"image","build.orch.name":"a","build.orch.pin":"p","build.orch.attrs":"{}"}}]}`), []byte(`{"config":{"digest":"`+good.String()+`"},"layers":[{"digest":"x"}]}`))
	f.Add([]byte(`{}`), []byte(`{"manifests":[{"digest":"sha256:..","platform":{"os":"linux","architecture":"arm64"}},{"platform":null}]}`))
	f.Fuzz(func(t *testing.T, index, manifest []byte) {
		dir := t.TempDir()
		_, e := hostile(t, dir, manifest)
		if err := os.WriteFile(filepath.Join(dir, ocispecs.ImageIndexFile), index, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := Open(dir)
		if err != nil {
			b = &Bundle{Dir: dir}
		}
		for _, one := range append(b.Entries, e) {
			for _, platforms := range [][]string{nil, {"linux/arm64"}} {
				_ = b.whole(&outside.Item{Key: one.Key, Platforms: platforms}, one)
			}
			_ = one.Same(e)
			_ = one.Descriptor()
		}
	})
}

// TestMissingPlatform says of a bundle that was written for another platform what it
// does not have.
func TestMissingPlatform(t *testing.T) {
	dir := t.TempDir()
	manifest := ocispecs.Descriptor{Digest: digest.FromString("manifest"), Size: 8}
	index := fmt.Sprintf(`{"manifests":[{"digest":%q,"size":8,"platform":{"os":"linux","architecture":"arm64"}}]}`, manifest.Digest)
	b, e := hostile(t, dir, []byte(index))
	e.Name = "docker.io/library/a:latest"
	held := lock.New(lock.FileName)
	held.Put(lock.Entry{Key: e.Key, Digest: e.Pin})
	for platform, want := range map[string]string{
		"linux/amd64": "in the bundle without linux/amd64", // the image has no such part
		"linux/arm64": "in the bundle without linux/arm64", // it has, and the bundle does not
	} {
		list := &outside.List{Items: []*outside.Item{{Key: e.Key, Platforms: []string{platform}}}}
		missing := b.Missing(list, held)
		if len(missing) != 1 || missing[0].Why != want {
			t.Errorf("%s: %+v", platform, missing)
		}
	}
	held.Put(lock.Entry{Key: e.Key, Digest: manifest.Digest.String()})
	list := &outside.List{Items: []*outside.Item{{Key: e.Key}}}
	if missing := b.Missing(list, held); len(missing) != 1 || missing[0].Why != "in the bundle as another one, "+e.Pin {
		t.Errorf("another digest: %+v", missing)
	}
}
