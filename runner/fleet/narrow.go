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
// it is written to can be put together afterwards. A builder writes one folder with an
// image, so that archives have to be made of the same.
func divisible(b *planner.Build) bool {
	var first map[string]string
	for _, o := range b.Target.Outputs {
		if !archive(o) {
			continue
		}
		if attrs := contents(o); first == nil {
			first = attrs
		} else if !maps.Equal(first, attrs) {
			return false
		}
	}
	return !slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return !pushed(o) && !archive(o) && !folders(o) && o.Type != "cacheonly" })
}

// pushed says whether an output is an image in a registry that has names.
func pushed(o config.Output) bool { return o.Form == config.ImageForm && o.Push && !o.ByDigest }

// archive says whether an output is an archive of an image, or goes to a Docker
// engine.
func archive(o config.Output) bool {
	return o.Form == config.EngineForm || o.Form == config.FileForm && (o.Type == "oci" || o.Type == "docker") && o.Dest != "-"
}

// contents are the attributes of an archive that say what the image in it is, and not
// where it goes.
func contents(o config.Output) map[string]string {
	out := maps.Clone(o.Attrs)
	if out == nil {
		out = map[string]string{}
	}
	for _, key := range []string{"name", "context", "dest", "tar"} {
		delete(out, key)
	}
	return out
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
				t.Platforms = []config.Platform{{Platform: b.run.plan.Platform}}
			}
		}
	}
	b.takeCarries(cfg)
	for _, p := range b.pieces {
		if !b.run.divided(p) {
			continue
		}
		t := cfg.Target(p.name)
		t.Outputs = b.partly(p, t.Outputs)
	}
	return cfg
}

// partly are the outputs of a piece that is a part of its target: one folder stands for
// all archives.
func (b *batch) partly(p *piece, outputs []config.Output) []config.Output {
	var out []config.Output
	archives := 0
	for _, o := range outputs {
		switch {
		case archive(o):
			if archives++; archives > 1 {
				continue
			}
			attrs := contents(o)
			attrs["dest"], attrs["tar"] = b.layout(p), "false"
			o = config.NewOutput(config.Entry{Type: "oci", Attrs: attrs})
		case folders(o):
			attrs := maps.Clone(o.Attrs)
			attrs["platform-split"] = "true"
			o = config.NewOutput(config.Entry{Type: o.Type, Attrs: attrs})
		}
		out = append(out, o)
	}
	return out
}

// divided says whether a piece has not all platforms of its target.
func (r *run) divided(p *piece) bool { return len(p.platforms) < len(r.builds[p.name].Platforms) }

// layout is the folder for the archives of a piece.
func (b *batch) layout(p *piece) string {
	return filepath.Join(b.run.dir, fmt.Sprintf("%d-%s", b.number, fileName(p.name)))
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
