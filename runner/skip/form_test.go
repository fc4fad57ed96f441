package skip

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// tarOf writes an archive of files with a mode.
func tarOf(t *testing.T, mode int64, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(f[1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// imageOf writes an OCI archive of an image with those layers.
func imageOf(t *testing.T, user string, layers ...[]byte) string {
	t.Helper()
	var files [][2]string
	put := func(v any) ocispecs.Descriptor {
		data, ok := v.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		d := digest.FromBytes(data)
		files = append(files, [2]string{"blobs/sha256/" + d.Encoded(), string(data)})
		return ocispecs.Descriptor{Digest: d, Size: int64(len(data))}
	}
	c := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}, Config: ocispecs.ImageConfig{User: user}}
	var m ocispecs.Manifest
	for _, l := range layers {
		m.Layers = append(m.Layers, put(l))
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l))
	}
	m.Config = put(c)
	index, err := json.Marshal(ocispecs.Index{Manifests: []ocispecs.Descriptor{put(m)}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, tarOf(t, 0o644, append(files, [2]string{"index.json", string(index)})...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAuditForm takes images for the same whose layers differ in their form, and no
// others.
func TestAuditForm(t *testing.T) {
	lower, empty := tarOf(t, 0o644, [2]string{"h", "1"}), tarOf(t, 0o644)
	again := tarOf(t, 0o644, [2]string{"h", "1"}, [2]string{"h", "1"})
	published := imageOf(t, "a", lower, empty)
	for name, tt := range map[string]struct {
		path string
		same bool
	}{
		"a file that is there already": {imageOf(t, "a", lower, again), true},
		"other content":                {imageOf(t, "a", lower, tarOf(t, 0o644, [2]string{"h", "2"})), false},
		"another mode":                 {imageOf(t, "a", lower, tarOf(t, 0o755, [2]string{"h", "1"})), false},
		"another file":                 {imageOf(t, "a", lower, tarOf(t, 0o644, [2]string{"i", "1"})), false},
		"another configuration":        {imageOf(t, "b", lower, again), false},
		"more layers":                  {imageOf(t, "a", lower, again, empty), false},
	} {
		target := &Target{Files: []Output{{Dest: published, Kind: "oci"}}}
		was, err := ReadArchive(published)
		if err != nil {
			t.Fatal(err)
		}
		is, err := ReadArchive(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if class, _ := was.Differs(is); class != "layers" {
			t.Errorf("%s: %s", name, class)
		}
		same, err := new(Auditor).sameFiles(t.Context(), &Verdict{Target: target}, was, is, tt.path)
		if err != nil || same != tt.same {
			t.Errorf("%s: %v, %v", name, same, err)
		}
	}
}
