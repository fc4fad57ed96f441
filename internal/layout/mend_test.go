package layout

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestMend damages each blob of a layout. It is removed, and nothing else; a damage that
// leaves the size of a layer is found where the layout is distrusted.
func TestMend(t *testing.T) {
	for _, damage := range []string{"", "cut", "gone", "other bytes"} {
		for blob := range 4 {
			dir := t.TempDir()
			put := func(mediaType string, v any) ocispecs.Descriptor {
				data, ok := v.([]byte)
				if !ok {
					var err error
					if data, err = json.Marshal(v); err != nil {
						t.Fatal(err)
					}
				}
				d := digest.FromBytes(data)
				path := blobPath(dir, d)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o444); err != nil {
					t.Fatal(err)
				}
				return ocispecs.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
			}
			layer := put(ocispecs.MediaTypeImageLayer, []byte("a layer"))
			config := put(ocispecs.MediaTypeImageConfig, []byte("{}"))
			manifest := put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, Config: config, Layers: []ocispecs.Descriptor{layer}})
			index := put(ocispecs.MediaTypeImageIndex, ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispecs.Descriptor{manifest}})
			top, err := json.Marshal(ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispecs.Descriptor{index}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, ocispecs.ImageIndexFile), top, 0o644); err != nil {
				t.Fatal(err)
			}
			all := []ocispecs.Descriptor{layer, config, manifest, index}
			path := blobPath(dir, all[blob].Digest)
			switch damage {
			case "cut":
				err = os.WriteFile(path+"~", []byte("x"), 0o644)
			case "gone":
				err = os.Remove(path)
			case "other bytes":
				err = os.WriteFile(path+"~", make([]byte, all[blob].Size), 0o644)
			}
			if _, there := os.Lstat(path + "~"); err == nil && there == nil {
				err = os.Rename(path+"~", path)
			}
			if err != nil {
				t.Fatal(err)
			}
			unseen := damage == "other bytes" && blob < 2 // the size is right, and it is no list
			for _, distrust := range []bool{false, true} {
				if err := Mend(t.Context(), dir, distrust); err != nil {
					t.Fatal(err)
				}
				for i, d := range all {
					_, err := os.Stat(blobPath(dir, d.Digest))
					want := i != blob || damage == "" || unseen && !distrust
					if (err == nil) != want {
						t.Errorf("%q of blob %d, distrusted %t: blob %d is there: %t", damage, blob, distrust, i, err == nil)
					}
				}
			}
		}
	}
	if err := Mend(t.Context(), filepath.Join(t.TempDir(), "none"), true); err != nil {
		t.Error(err)
	}
}
