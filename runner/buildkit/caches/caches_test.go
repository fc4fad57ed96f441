package caches

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

func TestEntry(t *testing.T) {
	env := map[string]string{
		"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "https://results", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "eu",
	}
	r := Access{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	got := r.Entry(config.Entry{Type: "gha", Attrs: map[string]string{"scope": "s"}})
	if a := got.Attrs; a["token"] != "t" || a["url_v2"] != "https://results" || a["scope"] != "s" {
		t.Errorf("gha: %v", a)
	}
	if err := ghaCache(got.Attrs); err != nil {
		t.Error(err)
	}
	if err := ghaCache(map[string]string{"token": "t"}); !errors.Is(err, ErrNoActions) {
		t.Errorf("without an address: %v", err)
	}
	got = r.Entry(config.Entry{Type: "s3", Attrs: map[string]string{"region": "us"}})
	if a := got.Attrs; a["access_key_id"] != "id" || a["secret_access_key"] != "key" || a["region"] != "us" {
		t.Errorf("s3: %v", a)
	}
	got = r.Entry(config.Entry{Type: "s3", Attrs: map[string]string{"access_key_id": "mine"}})
	if a := got.Attrs; a["access_key_id"] != "mine" || a["secret_access_key"] != "" {
		t.Errorf("a key of somebody else was filled in: %v", a)
	}
	written := config.Entry{Type: "registry", Attrs: map[string]string{"ref": "r"}}
	r.Entry(written).Attrs["more"] = "x"
	if written.Attrs["more"] != "" {
		t.Error("the plan was changed")
	}
}

func TestKey(t *testing.T) {
	key := func(kind string, attrs ...string) string {
		e := config.Entry{Type: kind, Attrs: map[string]string{}}
		for i := 0; i < len(attrs); i += 2 {
			e.Attrs[attrs[i]] = attrs[i+1]
		}
		return Key(e)
	}
	if key("local", "src", "a", "digest", "d") != key("local", "src", "a") {
		t.Error("the digest of a local cache is part of the key")
	}
	if key("registry", "ref", "a", "digest", "d") == key("registry", "ref", "a") || key("local", "src", "a") == key("local", "src", "b") {
		t.Error("different caches have one key")
	}
}

func TestLocalCache(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	if err := localCache(ctx, map[string]string{"src": filepath.Join(dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	d := "sha256:" + digest.FromString("x").Encoded()
	index := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + d + `","size":1,"annotations":{"org.opencontainers.image.ref.name":"main"}}]}`
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	attrs := map[string]string{"src": dir, "tag": "main"}
	if err := localCache(ctx, attrs); err != nil || attrs["digest"] != d {
		t.Errorf("%v, %v", attrs, err)
	}
	if err := localCache(ctx, map[string]string{"src": dir}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another tag: %v", err)
	}
	// A digest that is written out has to be there, where the folder is.
	source := func(src string) error {
		_, err := Access{}.Source(ctx, planner.Cache{CacheEntry: config.NewCacheEntry(config.Entry{Type: "local", Attrs: map[string]string{"src": src, "digest": d}})})
		return err
	}
	if err := source(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder, a digest: %v", err)
	}
	if err := source(dir); err == nil || !strings.Contains(err.Error(), d) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a digest that is not there: %v", err)
	}
}

func TestCacheManifest(t *testing.T) {
	for text, want := range map[string]string{"": "", `{"digest":"sha256:1"}`: "sha256:1"} {
		if got, err := cacheManifest(map[string]string{"cache.manifest": text}); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := cacheManifest(map[string]string{"cache.manifest": "{"}); err == nil {
		t.Error("what is not JSON is not an error")
	}
}

func TestPlace(t *testing.T) {
	for want, c := range map[string]config.Entry{
		"r.io/c:main":  {Type: "registry", Attrs: map[string]string{"ref": "r.io/c:main", "token": "t"}},
		"dir/c:main":   {Type: "local", Attrs: map[string]string{"src": "dir/c", "tag": "main"}},
		"gha:app-main": {Type: "gha", Attrs: map[string]string{"scope": "app-main", "token": "secret"}},
		"s3":           {Type: "s3", Attrs: map[string]string{"secret_access_key": "secret"}},
	} {
		if got := Place(planner.Cache{CacheEntry: config.NewCacheEntry(c)}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
