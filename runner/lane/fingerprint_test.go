package lane

import (
	"testing"
	"time"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
)

// The order of records and layers and the times do not matter; what leads where
// does.
func TestFingerprint(t *testing.T) {
	of := func(c types.CacheConfig) string {
		t.Helper()
		d, err := fingerprint(c)
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	turned := types.CacheConfig{
		Layers: []types.CacheLayer{{Blob: dgst("layer one"), ParentIndex: 1}, {Blob: dgst("layer base"), ParentIndex: -1}},
		Records: []types.CacheRecord{
			{Digest: dgst("one"), Results: []types.CacheResult{{LayerIndex: 0, CreatedAt: time.Now()}}, Inputs: [][]types.CacheInput{{{LinkIndex: 1}}}},
			{Digest: dgst("base"), Results: []types.CacheResult{{LayerIndex: 1}}},
		},
	}
	want := of(chain("base", "one"))
	if of(turned) != want {
		t.Error("the order matters")
	}
	turned.Layers[0].Blob = dgst("layer two")
	if of(turned) == want {
		t.Error("another layer does not matter")
	}
	if of(chain("one", "base")) == want {
		t.Error("what leads where does not matter")
	}
}
