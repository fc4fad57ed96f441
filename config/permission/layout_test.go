package permission

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orch-build/orch/config"
)

// What a link in a folder of images leads to takes the permission of the folder, for all
// that name one.
func TestLayoutLinks(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(root, "layout")
	if err := os.MkdirAll(filepath.Join(layout, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"index.json": "../outside/file", "ingest": "/outside/there", "blobs/sha512": "../../new", "blobs/sha256/x": "y", "oci-layout": "index.json"} {
		if err := os.Symlink(to, filepath.Join(layout, link)); err != nil {
			t.Fatal(err)
		}
	}
	local := func(attr string) []config.CacheEntry {
		return []config.CacheEntry{{Entry: config.Entry{Type: "local", Attrs: map[string]string{attr: layout}}}}
	}
	for name, c := range map[string]struct {
		target config.Target
		key    string
	}{
		"context":    {config.Target{Context: config.Context{Kind: config.OCILayout, Value: layout + ":tag"}}, Read},
		"contexts":   {config.Target{Contexts: map[string]config.Context{"x": {Kind: config.OCILayout, Value: layout}}}, Read},
		"output":     {config.Target{Outputs: []config.Output{{Entry: config.Entry{Type: "oci"}, Dest: layout}}}, Write},
		"cache-from": {config.Target{CacheFrom: local("src")}, Read},
		"cache-to":   {config.Target{CacheTo: local("dest")}, Write},
		"cache":      {config.Target{Cache: &config.Cache{Type: "local", Ref: layout, Write: true}}, Write},
	} {
		c.target.Name = name
		needs, err := Of(&config.Config{Targets: []*config.Target{&c.target}})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(needs, func(n Need) bool { return n.Value == root+"/outside/file" }) {
			t.Errorf("%s: looked into before it is granted: %v", name, needs)
		}
		needs = append(needs, Behind(needs)...)
		for _, path := range []string{layout, root + "/outside/file", "/outside/there", root + "/new", layout + "/blobs/sha256/y"} {
			if !slices.ContainsFunc(needs, func(n Need) bool { return n.Key == c.key && n.Value == path }) {
				t.Errorf("%s: no %s of %s in %v", name, c.key, path, needs)
			}
		}
	}
	set, err := Parse([]string{"fs.read=*", "fs.write=" + layout})
	if err != nil {
		t.Fatal(err)
	}
	to := &config.Target{Name: "to", CacheTo: local("dest")}
	needs, err := Of(&config.Config{Targets: []*config.Target{to}})
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, n := range set.Missing(needs) {
		missing = append(missing, n.Value)
	}
	slices.Sort(missing)
	if want := []string{"/outside/there", root + "/new", root + "/outside/file"}; !slices.Equal(missing, want) {
		t.Errorf("missing are %v, want %v", missing, want)
	}
	if none, err := Parse([]string{"fs.read=*"}); err != nil || len(none.Missing(needs)) != 1 {
		t.Errorf("%v, missing are %v, want the folder alone", err, none.Missing(needs))
	}
}
