package fleet

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/shard"
)

// divisible says whether the platforms of a target can be built apart: if all that
// it is written to can be put together afterwards.
func divisible(b *planner.Build) bool {
	return !slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return !pushed(o) && !archive(o) && !folders(o) && o.Type != "cacheonly" })
}

// pushed says whether an output is an image in a registry that has names.
func pushed(o config.Output) bool { return o.Form == config.ImageForm && o.Push && !o.ByDigest }

// archive says whether an output is an archive of an image, or goes to a Docker
// engine.
func archive(o config.Output) bool {
	return o.Form == config.EngineForm || o.Form == config.FileForm && (o.Type == "oci" || o.Type == "docker") && o.Dest != "-"
}

// folders says whether an output is a folder of files, in which each platform has
// a folder of its own.
func folders(o config.Output) bool {
	return o.Type == "local" && o.Mode == "" && !o.Delete && o.Source == ""
}

// narrowed is the definition of what a batch builds. Archives of a target of which
// it has a part are put together later: the part is a layout in a folder.
func (b *batch) narrowed() *config.Config {
	cfg := shard.Take(b.run.opt.Config, b.run.plan, b.parts())
	if own := b.run.opt.BuildPlatform; own != b.node.Platform {
		// What names no platform is for that of the run, and not for the node's own.
		for _, t := range cfg.Targets {
			if len(t.Platforms) == 0 {
				// The error cannot be: the plan was made for it.
				t.Platforms, _ = config.ParsePlatforms([]string{own})
			}
		}
	}
	b.takeCarries(cfg)
	for _, p := range b.pieces {
		if !b.run.divided(p) {
			continue
		}
		t := cfg.Target(p.name)
		t.Outputs = slices.Clone(t.Outputs)
		for i, o := range t.Outputs {
			e := config.Entry{Type: o.Type, Attrs: maps.Clone(o.Attrs)}
			switch {
			case archive(o):
				e.Type = "oci"
				delete(e.Attrs, "name")
				delete(e.Attrs, "context")
				e.Attrs["dest"], e.Attrs["tar"] = b.layout(p, i), "false"
			case folders(o):
				e.Attrs["platform-split"] = "true"
			default:
				continue
			}
			t.Outputs[i] = config.NewOutput(e)
		}
	}
	return cfg
}

// divided says whether a piece has not all platforms of its target.
func (r *run) divided(p *piece) bool { return len(p.platforms) < len(r.builds[p.name].Platforms) }

// layout is the folder for an output of a piece.
func (b *batch) layout(p *piece, output int) string {
	return filepath.Join(b.run.dir, fmt.Sprintf("%d-%s-%d", b.number, fileName(p.name), output))
}

// fileName is a text as the name of a file.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r) {
			return r
		}
		return '-'
	}, s)
}
