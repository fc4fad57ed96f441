package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/schema"
)

// TestCacheOfImports has the cache block of each file apply to its targets, and
// to those of the files below it that have none.
func TestCacheOfImports(t *testing.T) {
	files := fstest.MapFS{
		"build.hcl": {Data: []byte(`
cache {
  type = "registry"
  ref  = "r.example/top"
}
import "web"   { source = "web/build.hcl" }
import "plain" { source = "plain/build.hcl" }
target "top"  {}
target "heir" { inherits = ["web._base"] }
target "own"  {
  inherits = ["web._base"]
  cache { ref = "here" }
}
`)},
		"web/build.hcl": {Data: []byte(`
cache {
  type = "local"
  ref  = "cache"
}
import "lib" { source = "lib/build.hcl" }
target "app"   {}
target "part"  {
  cache { mode = "min" }
}
target "_base" {
  cache {
    type = "local"
    ref  = "base"
  }
}
`)},
		"web/lib/build.hcl": {Data: []byte(`target "base" {}`)},
		"plain/build.hcl": {Data: []byte(`
target "x" {}
target "local" {
  cache {
    type = "local"
    ref  = "cwd://shared"
  }
}
`)},
	}
	opts := Options{All: true, Files: mapHost{files}}
	file, diags := Parse("build.hcl", files["build.hcl"].Data, &opts)
	cfg, more := Resolve([]*schema.File{file}, opts)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	var got []string
	for _, target := range cfg.Targets {
		c := target.Cache
		got = append(got, fmt.Sprintf("%s: %s %s %s at %s", target.Name, c.Type, c.Ref, c.Mode, target.Ranges["cache.ref"].Filename))
	}
	want := []string{
		"heir: local web/base max at web/build.hcl",
		"own: local here max at build.hcl",
		"plain.local: local shared max at plain/build.hcl",
		"plain.x: registry r.example/top max at build.hcl",
		"top: registry r.example/top max at build.hcl",
		"web._base: local web/base max at web/build.hcl",
		"web.app: local web/cache max at web/build.hcl",
		"web.lib.base: local web/cache max at web/build.hcl",
		"web.part: local web/cache min at web/build.hcl",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
