package registry_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// TestCopy copies blobs within a registry, where nothing is uploaded, and to
// another one that wants credentials, and verifies them.
func TestCopy(t *testing.T) {
	near, far := registrytest.New(t), registrytest.New(t)
	far.Wants(registrytest.Auth{Scheme: "Bearer", Anonymous: true})
	client := registry.New(registry.Options{})
	repo := func(s *registrytest.Server, path string) registry.Repo {
		return registry.Repo{Domain: s.Host, Path: path}
	}
	data := bytes.Repeat([]byte("content"), 1<<20)
	d := digest.FromBytes(data)
	near.SetBlob("a", d.String(), data)
	near.Asked()
	if err := client.Copy(t.Context(), repo(near, "a"), repo(near, "b"), d, int64(len(data))); err != nil {
		t.Fatal(err)
	}
	if asked := near.Asked(); slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, "PUT") }) {
		t.Errorf("%q", asked)
	}
	if err := client.Copy(t.Context(), repo(near, "b"), repo(far, "c"), d, int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for _, r := range []registry.Repo{repo(near, "b"), repo(far, "c")} {
		if err := client.Verify(t.Context(), r, d, int64(len(data))); err != nil {
			t.Error(err)
		}
	}
	data[0]++
	near.SetBlob("b", d.String(), data)
	if err := client.Verify(t.Context(), repo(near, "b"), d, int64(len(data))); !errors.Is(err, registry.ErrOther) {
		t.Errorf("other bytes: %v", err)
	}
	if err := client.Verify(t.Context(), repo(near, "none"), d, -1); err == nil {
		t.Error("nothing is verified")
	}
	if err := client.Copy(t.Context(), repo(near, "none"), repo(near, "d"), d, int64(len(data))); err == nil {
		t.Error("nothing is copied")
	}
	// A rotten blob is not taken.
	if err := client.Copy(t.Context(), repo(near, "b"), repo(far, "d"), d, int64(len(data))); err == nil {
		t.Error("a rotten blob is copied")
	}
}

// TestTags lists the tags of a repository that answers in pages.
func TestTags(t *testing.T) {
	s := registrytest.New(t)
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("last") == "" {
			w.Header().Set("Link", `</v2/a/tags/list?n=1000&last=y%2B>; rel="next"`)
			_, _ = w.Write([]byte(`{"tags":["x","y+"]}`))
			return true
		}
		if r.URL.Query().Get("last") == "y+" {
			_, _ = w.Write([]byte(`{"tags":["z"]}`))
		}
		return true
	})
	tags, err := registry.New(registry.Options{}).Tags(t.Context(), registry.Repo{Domain: s.Host, Path: "a"})
	if err != nil || strings.Join(tags, " ") != "x y+ z" {
		t.Errorf("%q, %v", tags, err)
	}
}
