package registry_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// TestHostileNames asks for what a manifest may name that is not a digest: nothing
// of it reaches the registry, and nothing panics.
func TestHostileNames(t *testing.T) {
	s := registrytest.New(t)
	c := registry.New(registry.Options{})
	repo := registry.Repo{Domain: s.Host, Path: "a"}
	s.Asked()
	for _, name := range []string{"", "x", "latest", ":", "sha256:", "sha256:../../../b/blobs/x", "sha1:" + strings.Repeat("a", 40), "sha256:" + strings.Repeat("a", 63), "md5:../x"} {
		d := digest.Digest(name)
		for what, do := range map[string]func() error{
			"HasBlob":     func() error { _, err := c.HasBlob(t.Context(), repo, d, 1); return err },
			"Blob":        func() error { _, err := c.Blob(t.Context(), repo, d); return err },
			"Open":        func() error { _, err := c.Open(t.Context(), repo, d); return err },
			"Verify":      func() error { return c.Verify(t.Context(), repo, d, 1) },
			"Copy":        func() error { return c.Copy(t.Context(), repo, registry.Repo{Domain: s.Host, Path: "b"}, d, 1) },
			"HasManifest": func() error { _, err := c.HasManifest(t.Context(), repo, d, 1); return err },
		} {
			if err := do(); err == nil && name != "latest" && name != "x" {
				t.Errorf("%s of %q is not an error", what, name)
			}
		}
		if strings.Contains(name, ":") {
			if _, err := c.Manifest(t.Context(), registry.Ref{Repo: repo, Tag: name}); err == nil {
				t.Errorf("the manifest %q is not an error", name)
			}
		}
	}
	for _, asked := range s.Asked() {
		if strings.Contains(asked, "..") || strings.Contains(asked, "blobs") {
			t.Errorf("the registry was asked: %s", asked)
		}
	}
}

// TestUploadElsewhere uploads where the registry wants it, on another host, which
// gets no credentials and cannot ask for them.
func TestUploadElsewhere(t *testing.T) {
	var seen []http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		w.Header().Set("WWW-Authenticate", `Basic realm="give me that"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(other.Close)
	s := registrytest.New(t)
	s.Wants(registrytest.Auth{Scheme: "Basic", User: "u", Password: "secret"})
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Location", other.URL+"/upload")
		w.WriteHeader(http.StatusAccepted)
		return true
	})
	dir := t.TempDir()
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, s.Host, base64.StdEncoding.EncodeToString([]byte("u:secret")))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := registry.New(registry.Options{Credentials: registry.LoadCredentials(dir, nil)})
	if err := c.PutBlob(t.Context(), registry.Repo{Domain: s.Host, Path: "a"}, []byte("x")); err == nil {
		t.Error("an upload that was refused is not an error")
	}
	if len(seen) != 1 {
		t.Errorf("%d requests reached the other host", len(seen))
	}
	for _, h := range seen {
		if h.Get("Authorization") != "" {
			t.Errorf("another host got %q", h.Get("Authorization"))
		}
	}
}

// TestEndlessManifest is about an answer that does not end.
func TestEndlessManifest(t *testing.T) {
	s := registrytest.New(t)
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "manifests") {
			return false
		}
		for part := bytes.Repeat([]byte("x"), 1<<20); ; {
			if _, err := w.Write(part); err != nil {
				return true
			}
		}
	})
	c := registry.New(registry.Options{})
	_, err := c.Manifest(t.Context(), registry.Ref{Repo: registry.Repo{Domain: s.Host, Path: "a"}, Tag: "v1"})
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}
