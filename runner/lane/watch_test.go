package lane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	client "github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// builderManifest is a cache as BuildKit writes it.
func builderManifest(t *testing.T, c types.CacheConfig) (config, manifest []byte) {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	m := ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Config: ocispecs.Descriptor{
		MediaType: types.CacheConfigMediaTypeV0, Digest: digest.FromBytes(config), Size: int64(len(config)),
	}}
	for _, l := range c.Layers {
		m.Layers = append(m.Layers, ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: l.Blob, Size: 1})
	}
	if manifest, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return config, manifest
}

// TestFolder writes the caches of two targets into one folder.
func TestFolder(t *testing.T) {
	f, ctx := folder{t.TempDir(), "main"}, context.Background()
	if err := os.MkdirAll(filepath.Join(f.dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, target := range []string{"a", "b"} {
		err := writeFolder(t, f, target)
		have, loadErr := f.load(ctx)
		if err != nil || loadErr != nil || len(have.config.Records) != i+2 || len(have.layers) != i+2 {
			t.Errorf("after %s: %+v, %v, %v", target, have, err, loadErr)
		}
	}
	if err := WatchFolder(ctx, f.dir, f.tag).Write(ctx, []string{"a"}, func() (string, error) { return "", nil }); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
}

// writeFolder writes a run of a target that has a base and a step, as the builder does:
// a blob that is there is not written again.
func writeFolder(t *testing.T, f folder, target string) error {
	t.Helper()
	ctx := context.Background()
	return WatchFolder(ctx, f.dir, f.tag).Write(ctx, []string{target}, func() (string, error) {
		c := chain("base", target)
		for i := range c.Layers {
			data := []byte([]string{"x", target}[i])
			c.Layers[i].Blob = digest.FromBytes(data)
			if path, err := f.path(c.Layers[i].Blob); err != nil {
				return "", err
			} else if _, err := os.Stat(path); err == nil {
				continue
			}
			if err := f.addBlob(data); err != nil {
				return "", err
			}
		}
		config, manifest := builderManifest(t, c)
		if err := f.addBlob(config); err != nil {
			return "", err
		}
		return digest.FromBytes(manifest).String(), f.addBlob(manifest)
	})
}

// TestRegistryAtOnce lets many runs write one lane of a registry in the same
// moment, as jobs on as many machines. Nothing of theirs is lost, be it that of
// other targets or of the same.
func TestRegistryAtOnce(t *testing.T) {
	server := registrytest.New(t)
	ctx := context.Background()
	ref := server.Host + "/team/cache:main"
	c := client.New(client.Options{})
	const runs = 12
	var watches [runs]*Watch
	for i := range watches {
		var err error
		if watches[i], err = WatchRegistry(ctx, c, client.Name{Text: ref}); err != nil || !watches[i].Seen() {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i, w := range watches {
		targets := []string{fmt.Sprintf("target-%d", i/2)}
		all.Go(func() {
			if err := w.Write(ctx, targets, func() (string, error) {
				config, manifest := builderManifest(t, chain("base", fmt.Sprint("step ", i)))
				tag, err := client.Parse(ref)
				if err != nil {
					return "", err
				}
				if err := c.PutBlob(ctx, tag.Repo, config); err != nil {
					return "", err
				}
				d := digest.FromBytes(manifest).String()
				return d, c.Put(ctx, client.Ref{Repo: tag.Repo, Tag: d}, &client.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: manifest})
			}); err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	all.Wait()
	w, err := WatchRegistry(ctx, c, client.Name{Text: ref})
	if err != nil || !w.Seen() {
		t.Fatal(err)
	}
	have, err := w.store.load(ctx)
	if err != nil || len(have.config.Records) != runs+1 || len(have.layers) != runs+1 {
		t.Errorf("%d records and %d layers, want %d; %v", len(have.config.Records), len(have.layers), runs+1, err)
	}
}
