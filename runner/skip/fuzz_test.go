package skip

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
)

// artifact is a record as a registry has it, whose text is payload.
func artifact(payload []byte) ocispecs.Manifest {
	return ocispecs.Manifest{
		ArtifactType: RecordType,
		Layers:       []ocispecs.Descriptor{{MediaType: RecordType, Digest: digest.FromBytes(payload), Size: int64(len(payload)), Data: payload}},
	}
}

// Whatever a registry answers for a record, it is one or it is refused; what it
// names is asked for only if it can be.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"input":"i","image":{"digest":"x","size":-1},"closure":[{"digest":"sha256:..","blobs":[{"digest":"y"}]}]}`), []byte(`{}`))
	f.Add([]byte(`{"v":1,"rejected":"x","built":"2026-01-01T00:00:00Z","files":[{"kind":"oci"}]}`), []byte(`{"layers":[{}]}`))
	f.Fuzz(func(t *testing.T, payload, other []byte) {
		_, _ = decode(other, nil)
		data, err := json.Marshal(artifact(payload))
		if err != nil {
			t.Fatal(err)
		}
		r, err := decode(data, nil)
		if err != nil {
			return
		}
		for _, age := range []time.Duration{0, time.Hour} {
			target := &Target{Input: r.Input, Platforms: r.Platforms, Skip: &config.Skip{MaxAge: age}}
			_ = r.believe(target, r.Repository, r.Lane, time.Now())
		}
		if r.named() {
			for _, c := range r.contents() {
				_ = c.Digest.Verifier()
			}
		}
		_ = platformsOf(r.Closure)
	})
}

// Whatever is in an archive that an output has written before, an audit compares
// with it or says that it cannot.
func FuzzReadArchive(f *testing.F) {
	config := []byte(`{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["x"]}}`)
	d := digest.FromBytes(config)
	f.Add([]byte(`{"config":{"digest":"`+d.String()+`"}}`), config)
	f.Add([]byte(`{"manifests":[{"digest":"x"},{"digest":"sha256:../x","platform":{}}]}`), []byte("null"))
	f.Fuzz(func(t *testing.T, index, blob []byte) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, data := range map[string][]byte{"index.json": index, "blobs/sha256/" + digest.FromBytes(blob).Encoded(): blob} {
			if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o600}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if img, err := ReadArchive(file); err == nil {
			_, _ = img.Differs(Image{})
		}
	})
}
