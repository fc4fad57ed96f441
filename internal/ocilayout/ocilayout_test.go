package ocilayout

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type disk struct{}

func (disk) ReadFile(path string) ([]byte, error)  { return os.ReadFile(path) }
func (disk) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

func TestFind(t *testing.T) {
	const (
		none     = `{"manifests":[]}`
		bare     = `{"manifests":[{"digest":"sha256:a"}]}`
		single   = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`
		twice    = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v2"}}]}`
		two      = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:b","annotations":{"org.opencontainers.image.ref.name":"v2"}}]}`
		bares    = `{"manifests":[{"digest":"sha256:a"},{"digest":"sha256:b"}]}`
		whole    = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"docker.io/library/q:v9"}}]}`
		wholes   = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"docker.io/library/q:v9"}},{"digest":"sha256:b","annotations":{"org.opencontainers.image.ref.name":"docker.io/library/r:v9"}},{"digest":"sha256:b","annotations":{"io.containerd.image.name":"docker.io/library/r:v8"}}]}`
		untagged = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"localhost:5000/x"}}]}`
		latest   = `{"manifests":[{"digest":"sha256:a","annotations":{"org.opencontainers.image.ref.name":"v1"}},{"digest":"sha256:b","annotations":{"org.opencontainers.image.ref.name":"latest","io.containerd.image.name":"docker.io/library/x:latest"}}]}`
	)
	for _, test := range []struct{ index, tag, want, wrong string }{
		{bare, "", "sha256:a", ""},
		{single, "", "sha256:a", ""},
		{twice, "", "sha256:a", ""},
		{twice, "v2", "sha256:a", ""},
		{two, "v2", "sha256:b", ""},
		{latest, "", "sha256:b", ""},
		{latest, "latest", "sha256:b", ""},
		{latest, "docker.io/library/x:latest", "sha256:b", ""},
		{two, "", "", `no image with the tag "latest"; there are v1, v2`},
		{single, "latest", "", `no image with the tag "latest"; there are v1`},
		{bare, "latest", "sha256:a", ""},
		{bare, "v1", "sha256:a", ""},
		{bares, "v1", "", `no image with the tag "v1"`},
		{whole, "v9", "sha256:a", ""},
		{whole, "", "sha256:a", ""},
		{whole, "v1", "", `no image with the tag "v1"; there are v9`},
		{wholes, "v9", "", `2 images with the tag "v9"; write @ and the digest of one: sha256:a, sha256:b`},
		{wholes, "v8", "sha256:b", ""},
		{wholes, "docker.io/library/r:v9", "sha256:b", ""},
		{untagged, "x", "", `no image with the tag "x"`},
		{none, "", "", "no image"},
		{"{", "", "", "its index.json is not"},
	} {
		got, err := Find([]byte(test.index), test.tag)
		if got != test.want || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s with the tag %q: %s, %v; want %s, %s", test.index, test.tag, got, err, test.want, test.wrong)
		}
	}
}

func TestSplit(t *testing.T) {
	for ref, want := range map[string][3]string{
		"lay":                {"lay", "", ""},
		"lay:v1":             {"lay", "v1", ""},
		"./a:b/lay":          {"./a:b/lay", "", ""},
		"./a:b/lay@sha256:a": {"./a:b/lay", "", "sha256:a"},
		"lay@sha256:a":       {"lay", "", "sha256:a"},
		"lay:v1@sha256:ab":   {"lay", "v1", "sha256:ab"},
	} {
		path, tag, digest := Split(ref)
		if got := [3]string{path, tag, digest}; got != want {
			t.Errorf("%s is %q, want %q", ref, got, want)
		}
	}
}

// TestLacks says what of the image of an OCI layout is not there, or cut off.
func TestLacks(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) ocispecs.Descriptor {
		d := ocispecs.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
		if err := os.MkdirAll(filepath.Dir(blobPath(dir, d.Digest)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blobPath(dir, d.Digest), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return d
	}
	name := func(d ocispecs.Descriptor) string { return fmt.Sprintf(`{"digest":%q,"size":%d}`, d.Digest, d.Size) }
	config, layer := write("{}"), write("a layer")
	manifest := write(`{"config":` + name(config) + `,"layers":[` + name(layer) + `]}`)
	other := ocispecs.Descriptor{Digest: digest.FromString("for another platform"), Size: 20}
	index := write(`{"manifests":[` + name(manifest) + `,` + name(other) + `]}`)
	lacks := func(want string) {
		t.Helper()
		if got := Lacks(disk{}, dir, index.Digest.String()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	lacks("")
	if err := os.WriteFile(blobPath(dir, layer.Digest), []byte("a l"), 0o644); err != nil {
		t.Fatal(err)
	}
	lacks(layer.Digest.String() + " has 3 of 7 bytes")
	if err := os.Remove(blobPath(dir, layer.Digest)); err != nil {
		t.Fatal(err)
	}
	lacks(layer.Digest.String() + " is not there")
	if err := os.Remove(blobPath(dir, index.Digest)); err != nil {
		t.Fatal(err)
	}
	lacks(index.Digest.String() + " is not there")
	if got := Lacks(disk{}, dir, "sha256:x"); got == "" {
		t.Error("a digest that is none")
	}
	if err := os.WriteFile(blobPath(dir, index.Digest), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	lacks(index.Digest.String() + " is damaged")
}

// TestImage reads the index only where no digest is written.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	for ref, want := range map[string]string{"": "index.json", ":v1": "index.json", "@sha256:a": "", ":v1@sha256:a": ""} {
		folder, digest, err := Image(disk{}, dir+ref)
		if folder != dir || (digest == "sha256:a") != (want == "") || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %s, %v; want %q", ref, folder, digest, err, want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "index.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Image(disk{}, dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("an index that is a folder: %v", err)
	}
}
