package registry_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/registry/registrytest"
)

// TestPulling reads from mirrors in their order, then from the registry; what is
// written goes to the registry.
func TestPulling(t *testing.T) {
	ctx := context.Background()
	home, broken, first, second := registrytest.New(t), registrytest.New(t), registrytest.New(t), registrytest.New(t)
	broken.Before(func(w http.ResponseWriter, r *http.Request) bool {
		registrytest.Fail(w, http.StatusBadGateway, "UNKNOWN", "no")
		return true
	})
	upstream := home.Push("library/base", "upstream", "1", "home")
	cached := first.Push("cache/library/base", "cached", "1")
	other := second.Push("library/base", "other", "1", "2")
	direct := registry.New(registry.Options{})
	c := direct.Pulling(map[string][]string{home.Host: {broken.Host, first.Host + "/cache", second.Host}})
	for tag, want := range map[string]string{"1": cached, "2": other, "home": upstream, "none": ""} {
		ref, err := registry.Parse(home.Host + "/library/base:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Head(ctx, ref)
		if err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", tag, got, err, want)
		}
		if m, err := c.Manifest(ctx, ref); (err == nil) != (want != "") {
			t.Errorf("the manifest of %s: %v, %v", tag, m, err)
		}
	}
	ref, err := registry.Parse(home.Host + "/library/base:1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := direct.Head(ctx, ref); err != nil || got != upstream {
		t.Errorf("without mirrors: %s, %v", got, err)
	}
	m, err := c.Manifest(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	ref.Tag = "pushed"
	if err := c.Put(ctx, ref, m); err != nil || home.Tag("library/base:pushed") != cached || first.Tag("cache/library/base:pushed") != "" {
		t.Errorf("a push: %v", err)
	}
}
