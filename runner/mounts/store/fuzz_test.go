package store

import "testing"

// Whatever a registry answers, it is a saved cache mount or it is refused.
func FuzzDecode(f *testing.F) {
	m, _, err := encode(&Entry{ID: "go", Platform: "linux/amd64"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m)
	f.Add([]byte(`{"artifactType":"application/vnd.orch.mount.v1","layers":[{"digest":"x","size":1}],"config":{"data":"e30="}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if (e == nil) == (err == nil) {
			t.Fatalf("%v, %v", e, err)
		}
		if e != nil {
			_ = e.Layer.Digest.Encoded()
		}
	})
}
