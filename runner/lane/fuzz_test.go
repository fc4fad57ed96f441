package lane

import (
	"encoding/json"
	"testing"
)

// Whatever another run has written, it is merged or it is damaged, and what is
// merged can be written.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"layers":[],"config":{"mediaType":"application/vnd.buildkit.cacheconfig.v0"}}`), []byte(`{"layers":[{"blob":"x","parent":-1}],"records":[{"digest":"y","layers":[{"layer":0}],"inputs":[[{"link":0}]]}],"orch":[{"targets":["x"],"from":"z","roots":[0,7]}]}`))
	f.Add([]byte(`{"manifests":[{"mediaType":"application/vnd.buildkit.cacheconfig.v0"}]}`), []byte(`{"records":[{"chains":[{"layers":[-1]}]}]}`))
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		old := &content{}
		var err error
		if old.manifest, err = readManifest(manifest); err != nil {
			old.manifest.raw = map[string]json.RawMessage{}
		}
		if old.readConfig(config) != nil {
			return
		}
		next, err := holding(t, chain("base", "one")).over(old, []string{"a"}, nil)
		if err != nil || next == nil {
			return
		}
		e, err := next.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := (&content{}).readConfig(e.config); err != nil {
			t.Errorf("what was merged cannot be read: %v", err)
		}
	})
}
