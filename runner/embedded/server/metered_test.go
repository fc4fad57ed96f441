//go:build linux

package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/util/progress"

	"github.com/orch-build/orch/runner/meter"
)

// A registry that hands blobs over to another place, and knows one of two
// blobs already.
func registryOf(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/a/b/manifests/latest", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "manifest") })
	mux.HandleFunc("GET /v2/a/b/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/store/1", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /store/1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a blob") })
	mux.HandleFunc("PUT /v2/a/b/blobs/uploads/7", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("PUT /v2/a/b/manifests/refused", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestMetered(t *testing.T) {
	base := registryOf(t)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	repository := u.Host + "/a/b"
	tests := []struct {
		method, path, body string
		want               map[meter.Movement]int
	}{
		{"GET", "/v2/a/b/manifests/latest", "", map[meter.Movement]int{{Repository: repository, Object: "latest"}: 8}},
		{"GET", "/v2/a/b/blobs/sha256:1", "", map[meter.Movement]int{{Repository: repository, Object: "sha256:1"}: 6}},
		{"PUT", "/v2/a/b/blobs/uploads/7?digest=sha256:2", "layer", map[meter.Movement]int{{Sent: true, Repository: repository, Object: "sha256:2"}: 5}},
		{"PUT", "/v2/a/b/manifests/refused", "manifest", nil},
		{"GET", "/v2/a/b/manifests/missing", "", nil},
		{"GET", "/token", "", nil},
	}
	for _, tt := range tests {
		got := moved(t, tt.method, base+tt.path, tt.body)
		if len(got) != len(tt.want) {
			t.Errorf("%s %s: %v", tt.method, tt.path, got)
		}
		for m, n := range tt.want {
			if got[m.ID()] != n {
				t.Errorf("%s %s: %v, want %d of %s", tt.method, tt.path, got, n, m.ID())
			}
		}
	}
}

// moved sends a request and returns what is reported of it.
func moved(t *testing.T, method, target, body string) map[string]int {
	t.Helper()
	reader, ctx, done := progress.NewContext(context.Background())
	got := map[string]int{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			items, err := reader.Read(context.Background())
			for _, p := range items {
				got[p.ID] = p.Sys.(progress.Status).Current
			}
			if err != nil || len(items) == 0 {
				return
			}
		}
	})
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = http.NoBody
	}
	client := &http.Client{Transport: &counter{http.DefaultTransport}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	done(nil)
	all.Wait()
	return got
}
