package outputs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
)

// TestPlaces wants links that appear during a run to lead no output and no cache to
// another place; those that were there, and those that stay inside, are followed.
func TestPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"outside", "images", "cache/blobs"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.FromSlash(name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../outside", "images/blobs")
	target := &config.Target{Name: "a", Outputs: []config.Output{
		{Entry: config.Entry{Type: "oci", Attrs: map[string]string{"dest": "images"}}},
		{Entry: config.Entry{Type: "local", Attrs: map[string]string{"dest": "files"}}},
	}}
	lane := planner.Cache{CacheEntry: config.CacheEntry{Entry: config.Entry{Type: "local", Attrs: map[string]string{"dest": "lane"}}}}
	build := &planner.Build{Target: target, CacheTo: []planner.Cache{{CacheEntry: config.CacheEntry{Entry: config.Entry{Type: "local", Attrs: map[string]string{"dest": "cache"}}}}}}
	p, err := PlacesOf(&planner.Plan{Builds: []*planner.Build{build}, Caches: []*planner.SharedCache{{Cache: lane, Builds: []*planner.Build{build}}}})
	if err != nil {
		t.Fatal(err)
	}
	link("blobs", "cache/inside")
	for _, dir := range []string{"images", "cache", "lane"} {
		if err := p.CheckLayout(dir); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	link("../../outside", "cache/blobs/sha256")
	link("outside", "lane")
	link("outside", "files")
	if err := os.Remove("images/blobs"); err != nil {
		t.Fatal(err)
	}
	link("../cache", "images/blobs")
	for _, dir := range []string{"images", "cache", "lane"} {
		if err := p.CheckLayout(dir); err == nil {
			t.Errorf("%s leads elsewhere", dir)
		}
	}
	if err := p.Check("files"); err == nil {
		t.Error("files leads elsewhere")
	}
}
