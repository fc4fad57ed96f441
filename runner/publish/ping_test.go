package publish

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// A registry says once how it wants to be asked; what it says while it fails
// is not kept.
func TestPingOnce(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="here"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	client := &http.Client{Transport: &pingOnce{next: http.DefaultTransport}}
	get := func(path string) *http.Response {
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := get("/v2/"); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("the first answer is %s", resp.Status)
	}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			resp, err := client.Get(server.URL + "/v2/")
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %v", resp.Status, resp.Header)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	get("/v2/app/manifests/v1")
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}
