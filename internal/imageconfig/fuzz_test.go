package imageconfig

import (
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Whatever a manifest names, only what is a digest is asked for.
func FuzzFind(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"digest":"latest","platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"config":{"digest":"sha256:../x"}}`))
	f.Add([]byte(`{"manifests":[{"digest":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
		_, _ = Find(data, p, func(d digest.Digest, _ bool) ([]byte, error) {
			if err := d.Validate(); err != nil {
				t.Errorf("%q is asked for: %v", d, err)
			}
			return data, nil
		})
		if found, err := Manifest(data, digest.FromBytes(data).String(), p); err == nil && digest.Digest(found).Validate() != nil {
			t.Errorf("%q is found", found)
		}
	})
}
