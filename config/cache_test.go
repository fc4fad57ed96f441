package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/schema"
)

// cacheOf resolves one file and writes the cache of a target on a line.
func cacheOf(t *testing.T, src, target string, lane spec.Lane, sets ...string) string {
	t.Helper()
	opts := Options{All: true, Lane: func() spec.Lane { return lane }}
	for _, s := range sets {
		o, err := attribute.ParseOverride(s)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	f, diags := schema.Parse("build.hcl", []byte(src), schema.Build)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := Resolve([]*schema.File{f}, opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	c := cfg.Target(target).Cache
	if c == nil {
		return "none"
	}
	var words []string
	for name, on := range map[string]bool{"write": c.Write, "required": c.Required, "trusted": c.Trusted} {
		if on {
			words = append(words, name)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.Options)) {
		words = append(words, k+"="+c.Options[k])
	}
	slices.Sort(words)
	return fmt.Sprintf("%s %s %s lane=%s main=%s %s", c.Type, c.Ref, c.Mode, c.Lane, c.Main, strings.Join(words, " "))
}

func TestCacheBlock(t *testing.T) {
	const top = `cache {
  type = "registry"
  ref  = "r.example/cache"
}
`
	tests := []struct {
		name, src string
		lane      spec.Lane
		sets      []string
		want      string
	}{
		{"none", `target "a" {}`, spec.Lane{}, nil, "none"},
		{"default", top + `target "a" {}`, spec.Lane{}, nil,
			"registry r.example/cache max lane=local main=main trusted write"},
		{"lane of the run", top + `target "a" {}`, spec.Lane{Name: "pr-7", Main: "trunk", CI: true}, nil,
			"registry r.example/cache max lane=pr-7 main=trunk trusted write"},
		{"fork", top + `target "a" {
  cache { trusted = true }
}`, spec.Lane{Name: "pr-7", Fork: true}, nil,
			"registry r.example/cache max lane=pr-7 main=main write"},
		{"target over default", top + `target "a" {
  cache {
    mode     = "min"
    required = true
    options  = { compression = "zstd" }
  }
}`, spec.Lane{}, nil, "registry r.example/cache min lane=local main=main compression=zstd required trusted write"},
		{"inherited", `target "_c" {
  cache {
    type = "local"
    ref  = "x"
  }
}
target "a" {
  inherits = ["_c"]
  cache { trusted = false }
}`, spec.Lane{}, nil, "local x max lane=local main=main write"},
		{"switched off", top + `target "a" {
  cache { type = "none" }
}`, spec.Lane{}, nil, "none"},
		{"written out", top + `target "a" { cache-from = ["type=registry,ref=x/y"] }`, spec.Lane{}, nil, "none"},
		{"written out and a block", top + `target "a" {
  cache-to = ["type=inline"]
  cache {}
}`, spec.Lane{}, nil, "registry r.example/cache max lane=local main=main trusted write"},
		{"in CI only, and it is not", top + `target "a" {
  cache { when = "ci" }
}`, spec.Lane{}, nil, "registry r.example/cache max lane=local main=main trusted"},
		{"in CI only, and it is", top + `target "a" {
  cache { when = "ci" }
}`, spec.Lane{CI: true}, nil, "registry r.example/cache max lane=local main=main trusted write"},
		{"condition", `variable "WRITE" { default = false }
` + top + `target "a" {
  cache { when = WRITE }
}`, spec.Lane{}, nil, "registry r.example/cache max lane=local main=main trusted"},
		{"override", top + `target "a" {}`, spec.Lane{Name: "b"}, []string{"*.cache.lane=nightly", "a.cache.options.region=eu"},
			"registry r.example/cache max lane=nightly main=main region=eu trusted write"},
		{"override without a block", `target "a" {}`, spec.Lane{}, []string{"*.cache.lane=nightly"}, "none"},
		{"matrix", `target "m" {
  matrix = { v = ["1", "2"] }
  name   = "a${v == "1" ? "" : v}"
  cache {
    type = "local"
    ref  = "cache-${v}"
  }
}`, spec.Lane{}, nil, "local cache-1 max lane=local main=main trusted write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cacheOf(t, tt.src, "a", tt.lane, tt.sets...); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLaneNotAsked makes sure that git is left alone without a cache block.
func TestLaneNotAsked(t *testing.T) {
	f, _ := schema.Parse("build.hcl", []byte(`target "a" {}`), schema.Build)
	_, diags := Resolve([]*schema.File{f}, Options{All: true, Lane: func() spec.Lane {
		t.Error("the lane was asked for")
		return spec.Lane{}
	}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
}
