package publish

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// TestUnreached finds the registries that cannot be asked from here, with one
// request for each.
func TestUnreached(t *testing.T) {
	good, locked, lost, odd, busy := registrytest.New(t), registrytest.New(t), registrytest.NewTLS(t), registrytest.New(t), registrytest.New(t)
	locked.Wants(registrytest.Auth{Scheme: "Basic", User: "me", Password: "secret"})
	answer := func(s *registrytest.Server, status int) {
		s.Before(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
			return true
		})
	}
	answer(odd, http.StatusNotFound)
	answer(busy, http.StatusServiceUnavailable)
	gone := httptest.NewServer(nil)
	gone.Close()
	goneHost := strings.TrimPrefix(gone.URL, "http://")
	var refs []Ref
	for _, host := range []string{good.Host, locked.Host, lost.Host, odd.Host, busy.Host, goneHost, "reg.cluster.invalid:5577"} {
		for _, name := range []string{"/a:1", "/team/b:1"} {
			refs = append(refs, Ref{Name: host + name})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := Remote{registry.New(registry.Options{})}.Unreached(ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for host, reached := range map[string]bool{
		good.Host: true, locked.Host: false, lost.Host: false, odd.Host: false, busy.Host: true, goneHost: false, "reg.cluster.invalid:5577": false,
	} {
		if got[host] == nil != reached {
			t.Errorf("%s: %v", host, got[host])
		}
	}
	if asked := good.Asked(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
	if _, err := (Remote{registry.New(registry.Options{})}).Unreached(ctx, []Ref{{Name: "NO NAME"}}); err == nil {
		t.Error("what is not a name is reached")
	}
}
