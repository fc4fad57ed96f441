//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// blobsGone is in front of the registry, and has lost some blobs until they are
// uploaded again.
type blobsGone struct {
	*faultRegistry
	mu   sync.Mutex
	gone map[string]bool
	cut  bool // what is lost is the end of each
}

func newBlobsGone(t *testing.T) *blobsGone {
	b := &blobsGone{faultRegistry: newFaultRegistry(t), gone: map[string]bool{}}
	b.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.gone, r.URL.Query().Get("digest"))
		_, blob, ok := strings.Cut(r.URL.Path, "/blobs/")
		if !ok || !b.gone[blob] {
			return false
		}
		if b.cut {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "0123456789")
			return true
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	return b
}

// lose loses all layers of a cache.
func (b *blobsGone) lose(t *testing.T, ref string) {
	t.Helper()
	desc, err := remote.Get(direct(t, ref))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal(desc.Manifest, &manifest); err != nil || len(manifest.Layers) == 0 {
		t.Fatalf("no layers: %v\n%s", err, desc.Manifest)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range manifest.Layers {
		b.gone[l.Digest] = true
	}
}

// TestCacheHeals reads a lane of which layers are gone: a warning, a build
// without it, and a whole lane afterwards.
func TestCacheHeals(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]bool{"gone": false, "cut": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cacheHeals(t, cut)
		})
	}
}

func cacheHeals(t *testing.T, cut bool) {
	dir := project(t, map[string]string{"build.hcl": laneProject, "Dockerfile": laneDockerfile})
	reg := newBlobsGone(t)
	reg.cut = cut
	name := fmt.Sprintf("heal%d/cache-%t", os.Getpid(), cut)
	l := &laneTest{t: t, dir: dir, kind: "registry", ref: reg.addr() + "/" + name}
	if out, err := l.bake(l.state(), "one", 0).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	reg.lose(t, name+":main")
	// Everything but the last steps is in the cache.
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(strings.ReplaceAll(laneDockerfile, "echo client >", "echo another >")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := l.bake(l.state(), "one", 0, "--retries", "0").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Warning: cache not read: "+l.ref) || strings.Contains(string(out), "The fault is in what is built") {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = l.bake(l.state(), "one", 0).CombinedOutput()
	if err != nil || strings.Contains(string(out), "Warning") || strings.Contains(string(out), "ran-2") {
		t.Errorf("the lane is not whole: %v\n%s", err, out)
	}
}

// TestCacheSourceHeals reads a cache that a definition names, of which layers
// are gone, and one that is not there yet.
func TestCacheSourceHeals(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{
		"build.hcl":  "variable \"BUSYBOX\" {}\ntarget \"default\" {\n  contexts = { busybox = BUSYBOX }\n}\n",
		"Dockerfile": "FROM scratch AS base\nCOPY --from=busybox / /\nRUN echo ran-$((1+1)); echo x >/x\nFROM base\nRUN echo last\n",
	})
	reg := newBlobsGone(t)
	name := fmt.Sprintf("heal%d/source", os.Getpid())
	ref := reg.addr() + "/" + name + ":v1"
	lt := &laneTest{t: t, dir: dir}
	run := func(from, to string) string {
		t.Helper()
		out, err := runOn(lt.state(), dir, "bake", "--progress", "plain", "--set", "*.cache-from="+from, "--set", "*.cache-to="+to).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	out := run("type=registry,ref="+ref, "type=registry,mode=max,ref="+ref)
	if !strings.Contains(out, "No cache there yet: "+ref) || strings.Contains(out, "ERROR") || strings.Contains(out, "Warning") {
		t.Errorf("a cache that is not there yet:\n%s", out)
	}
	reg.lose(t, name+":v1")
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch AS base\nCOPY --from=busybox / /\nRUN echo ran-$((1+1)); echo x >/x\nFROM base\nRUN echo other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := run("type=registry,ref="+ref, "type=registry,mode=max,ref="+ref); !strings.Contains(out, "Warning: cache not read: "+ref) {
		t.Errorf("nothing says that the cache is damaged:\n%s", out)
	}
}

// TestCacheFolderHeals reads a lane in a folder whose layers are gone, cut, or not what they
// should be: a warning, steps that are run and said to have run, a whole lane afterwards,
// and a builder that holds on to nothing of it.
func TestCacheFolderHeals(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"gone": os.Remove, "cut": func(path string) error { return os.Truncate(path, 10) },
		"other": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"build.hcl": laneProject, "Dockerfile": laneDockerfile})
			l := &laneTest{t: t, dir: dir, kind: "local", ref: filepath.Join(dir, "cache")}
			if out, err := l.bake(l.state(), "one", 0).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			blobs, err := filepath.Glob(filepath.Join(l.ref, "blobs/sha256/*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range blobs {
				if data, err := os.ReadFile(path); err != nil || json.Valid(data) {
					continue // a list
				}
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
			}
			state := l.state()
			out, err := l.bake(state, "one", 0, "--retries", "0").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Warning: cache not read: ") || !strings.Contains(string(out), "gone or damaged") ||
				!strings.Contains(string(out), "ran-2 base") || strings.Contains(string(out), "stages: 0 run") {
				t.Errorf("%v\n%s", err, out)
			}
			if out, err := runOn(state, dir, "builder", "prune", "-a").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := runOn(state, dir, "builder", "du").CombinedOutput(); err != nil || !strings.Contains(string(out), "0 records") {
				t.Errorf("the builder holds on to a damaged layer: %v\n%s", err, out)
			}
			l.cached(commit{"one", 0})
		})
	}
}

// TestCacheLock writes a local cache while another program cleans it, which
// BuildKit's client does under a lock of its own.
func TestCacheLock(t *testing.T) {
	t.Parallel()
	dir := project(t, map[string]string{"build.hcl": laneProject, "Dockerfile": laneDockerfile})
	l := &laneTest{t: t, dir: dir, kind: "local", ref: filepath.Join(dir, "cache")}
	state := l.state()
	if out, err := l.bake(state, "one", 0).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := os.ReadFile(filepath.Join(l.ref, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(l.ref, "cache.lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		t.Fatalf("nobody uses the cache: %t, %v", ok, err)
	}
	var out bytes.Buffer
	cmd := l.bake(state, "two", 0)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if data, err := os.ReadFile(filepath.Join(l.ref, "index.json")); err != nil || !bytes.Equal(data, before) {
		t.Errorf("the cache was written while it was cleaned: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || strings.Contains(out.String(), "Warning") {
		t.Errorf("%v\n%s", err, out.String())
	}
	l.cached(commit{"two", 0})
}
