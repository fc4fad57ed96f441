package planner

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
)

// TestHeaders keeps what a builder is asked for within what a request can carry.
func TestHeaders(t *testing.T) {
	for _, tt := range []struct {
		paths, patterns int
		fails, all      bool
	}{
		{100, 100, false, false},
		{1000, 10_000, false, false},
		{30_000, 0, false, true},
		{10_000, 10_000, false, true},
		{1, 40_000, true, false},
	} {
		var text, ignore strings.Builder
		text.WriteString("FROM scratch\n")
		for i := range tt.paths {
			fmt.Fprintf(&text, "COPY file-%d /\n", i)
		}
		for i := range tt.patterns {
			fmt.Fprintf(&ignore, "ignored-%d\n", i)
		}
		cfg := &config.Config{Chosen: []string{"a"}, Targets: []*config.Target{{Name: "a", Dockerfile: "Dockerfile", Context: config.Context{Value: "."}}}}
		files := memory{"Dockerfile": &fstest.MapFile{Data: []byte(text.String())}, ".dockerignore": &fstest.MapFile{Data: []byte(ignore.String())}}
		plan, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
		if diags.HasErrors() != tt.fails {
			t.Errorf("%d paths, %d patterns: %v", tt.paths, tt.patterns, diags)
			continue
		}
		if !tt.fails && (plan.Locals[0].Paths == nil) != tt.all {
			t.Errorf("%d paths, %d patterns: %d paths are asked for", tt.paths, tt.patterns, len(plan.Locals[0].Paths))
		}
	}
}
