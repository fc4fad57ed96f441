package lane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	client "github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// laneIn is a lane in a registry, with the layers of what is written there.
type laneIn struct {
	*registrytest.Server
	t      *testing.T
	client *client.Client
	ref    client.Ref
}

func newLane(t *testing.T) *laneIn {
	s := registrytest.New(t)
	c := client.New(client.Options{Pause: time.Millisecond})
	ref, err := client.Parse(s.Host + "/cache:main")
	if err != nil {
		t.Fatal(err)
	}
	return &laneIn{s, t, c, ref}
}

// write writes a run of a target that has a base and a step.
func (l *laneIn) write(target, step string, distrust bool) error {
	ctx := context.Background()
	w, err := WatchRegistry(ctx, l.client, client.Name{Text: l.Host + "/cache:main"})
	if err != nil {
		l.t.Fatal(err)
	}
	if !w.Seen() {
		l.t.Error("the lane is not seen")
	}
	if distrust {
		w.Distrust()
	}
	return w.Write(ctx, []string{target}, func() (string, error) {
		c := chain("base", step)
		for i := range c.Layers {
			data := []byte("layer of " + []string{"base", step}[i])
			c.Layers[i].Blob = digest.FromBytes(data)
			if err := l.client.PutBlob(ctx, l.ref.Repo, data); err != nil {
				return "", err
			}
		}
		config, manifest := builderManifest(l.t, c)
		for i := range c.Layers {
			size := len("layer of " + []string{"base", step}[i])
			manifest = []byte(strings.Replace(string(manifest), `"size":1}`, fmt.Sprintf(`"size":%d}`, size), 1))
		}
		d := digest.FromBytes(manifest).String()
		if err := l.client.PutBlob(ctx, l.ref.Repo, config); err != nil {
			return "", err
		}
		return d, l.client.Put(ctx, client.Ref{Repo: l.ref.Repo, Tag: d}, &client.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Data: manifest})
	})
}

// targets are those of which the lane holds parts, newest first.
func (l *laneIn) targets() []string {
	l.t.Helper()
	r := &registry{l.client, l.ref}
	c, err := r.load(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, p := range c.parts() {
		out = append(out, p.Targets...)
	}
	return out
}

// TestHeal writes a lane of which something is gone: what is left of it is
// whole.
func TestHeal(t *testing.T) {
	l := newLane(t)
	for _, target := range []string{"a", "b"} {
		if err := l.write(target, "step "+target, false); err != nil {
			t.Fatal(err)
		}
	}
	gone := digest.FromString("layer of step a").String()
	l.Drop("cache", gone)
	if err := l.write("c", "step c", true); err != nil || !slices.Equal(l.targets(), []string{"c", "b"}) {
		t.Errorf("the lane has %v, %v", l.targets(), err)
	}
	// A registry that looks for itself.
	l.Drop("cache", digest.FromString("layer of step b").String())
	refused := 0
	l.Before(func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/main") && refused == 0
		if bad {
			refused++
			registrytest.Fail(w, http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
		}
		return bad
	})
	if err := l.write("d", "step d", false); err != nil || !slices.Equal(l.targets(), []string{"d", "c"}) {
		t.Errorf("the lane has %v, %v", l.targets(), err)
	}
	l.Before(nil)
	// All blobs are gone, the list among them.
	for _, d := range l.Blobs("cache") {
		l.Drop("cache", d)
	}
	begin := time.Now()
	if err := l.write("e", "step e", false); err != nil || !slices.Equal(l.targets(), []string{"e"}) {
		t.Errorf("the lane has %v, %v", l.targets(), err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("writing took %s", took)
	}
	// Something else is under the tag.
	l.Push("cache", "an image", "main")
	if err := l.write("f", "step f", false); err != nil || !slices.Equal(l.targets(), []string{"f"}) {
		t.Errorf("the lane has %v, %v", l.targets(), err)
	}
}

// TestHealFolder reads nothing from a folder whose list is damaged.
func TestHealFolder(t *testing.T) {
	f, ctx := folder{t.TempDir(), "main"}, context.Background()
	if err := os.MkdirAll(filepath.Join(f.dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(target string) error { return writeFolder(t, f, target) }
	for name, spoil := range map[string]func(path string) error{
		"gone": os.Remove, "empty": func(path string) error { return os.Truncate(path, 0) },
		"other": func(path string) error { return os.WriteFile(path, []byte("{}"), 0o644) },
	} {
		if err := write("a"); err != nil {
			t.Fatal(err)
		}
		have, err := f.load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		path, err := f.path(have.place.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		err = write("b")
		have, loadErr := f.load(ctx)
		if err != nil || loadErr != nil || len(have.config.Records) != 2 {
			t.Errorf("%s: %+v, %v, %v", name, have, err, loadErr)
		}
	}
}

// TestHealLayers writes over a folder of which a layer is gone or cut, or, as the builder
// has found out, not what it should be.
func TestHealLayers(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone": os.Remove, "empty": func(path string) error { return os.Truncate(path, 0) },
		"longer": func(path string) error { return os.WriteFile(path, []byte("xxxx"), 0o644) },
		"other":  func(path string) error { return os.WriteFile(path, []byte("y"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			f, ctx := folder{t.TempDir(), "main"}, context.Background()
			if err := os.MkdirAll(filepath.Join(f.dir, "blobs/sha256"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(writeFolder(t, f, "a"), writeFolder(t, f, "c")); err != nil {
				t.Fatal(err)
			}
			path, _ := f.path(digest.FromString("x"))
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			head, err := f.head()
			if lacks := FolderLacks(f.dir, head); err != nil || (lacks != "") != (name != "other") {
				t.Errorf("%q is gone of %s, %v", lacks, head, err)
			}
			w := WatchFolder(ctx, f.dir, f.tag)
			if name == "other" {
				w.Distrust()
			} else if !w.looks() {
				t.Error("the folder is trusted")
			}
			if err := w.Write(ctx, []string{"d"}, func() (string, error) { return "", nil }); err != nil {
				t.Fatal(err)
			}
			if err := writeFolder(t, f, "a"); err != nil {
				t.Fatal(err)
			}
			have, err := f.load(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range have.layers {
				if !f.has(ctx, l) {
					t.Errorf("%s is not whole", l.Digest)
				}
			}
		})
	}
}

// TestHealIndex writes to a folder whose index is none.
func TestHealIndex(t *testing.T) {
	for name, text := range map[string]string{"garbage": "x\x00y", "cut": `{"schemaVersion":2,"manif`, "empty": "", "other": `{"manifests":7}`} {
		f, ctx := folder{t.TempDir(), "main"}, context.Background()
		index := filepath.Join(f.dir, "index.json")
		if err := errors.Join(os.MkdirAll(filepath.Join(f.dir, "blobs/sha256"), 0o755), os.WriteFile(index, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		if err := writeFolder(t, f, "a"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d, err := f.head(); err != nil || d == "" {
			t.Errorf("%s: %q, %v", name, d, err)
		}
		if kept, err := os.ReadFile(index + damagedSuffix); text != "" && (err != nil || string(kept) != text) {
			t.Errorf("%s: kept %q, %v", name, kept, err)
		}
		// As the builder writes it by itself.
		if err := os.WriteFile(index, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		release, err := HoldFolder(ctx, f.dir, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.head(); text != "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		release()
	}
}
