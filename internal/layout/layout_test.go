package layout

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func desc(text string) ocispecs.Descriptor {
	return ocispecs.Descriptor{Digest: digest.FromString(text), Size: 1}
}

// Many that change one index take turns, and a reader always finds it whole.
func TestPut(t *testing.T) {
	dir := t.TempDir()
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			data, err := os.ReadFile(filepath.Join(dir, "index.json"))
			if err == nil && !json.Valid(data) {
				t.Errorf("half an index: %q", data)
				return
			}
		}
	})
	for i := range 20 {
		writers.Go(func() {
			name := fmt.Sprintf("example.org/a:%d", i)
			if err := Put(context.Background(), dir, desc(name), ociindex.Name(name)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	idx, err := ociindex.NewStoreIndex(dir).Read()
	if err != nil || len(idx.Manifests) != 20 {
		t.Errorf("%v, %v, want 20 images", idx, err)
	}
	if err := Put(context.Background(), dir, desc("other"), ociindex.Name("example.org/a:3")); err != nil {
		t.Fatal(err)
	}
	got, err := ociindex.NewStoreIndex(dir).Get("example.org/a:3")
	if err != nil || got.Digest != desc("other").Digest {
		t.Errorf("%v, %v, want the newer image of the name", got, err)
	}
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	if err := Put(context.Background(), dir, desc("a"), ociindex.Tag("t")); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "index.json")
	whole, _ := os.ReadFile(index)
	restore := Keep(dir)
	for name, c := range map[string]struct{ now, want string }{
		"changed":  {`{"manifests":[]}`, `{"manifests":[]}`},
		"half":     {string(whole[:20]), string(whole)},
		"cut down": {"", string(whole)},
	} {
		if err := os.WriteFile(index, []byte(c.now), 0o644); err != nil {
			t.Fatal(err)
		}
		restore()
		if got, _ := os.ReadFile(index); string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
