package planner

import (
	"slices"
	"strings"

	"github.com/orch-build/orch/config"
)

// inline wires mode = "inline": the final stage of a target, and every stage
// that others of it take files from, are pushed as images that hold their own
// cache, and read back by the next run.
func (w *wiring) inline(b *Build, lanes []string) {
	c := b.Target.Cache
	stages := cachedStages(b)
	for _, lane := range lanes {
		w.read(b, lane+"."+b.Name())
		for _, s := range stages[1:] {
			w.read(b, lane+"."+b.Name()+"."+s.Name)
		}
	}
	if !c.Write {
		return
	}
	for i, s := range stages {
		name := lanes[0] + "." + b.Name()
		if i > 0 {
			name += "." + s.Name
		}
		w.image(b, s, w.cacheRef(c.Ref, name))
	}
}

// cachedStages returns the stages of a target whose images hold all of its
// cache: the final one, and those that files are copied from. A stage that
// others only start from is in their images already; one without a name
// cannot be asked for.
func cachedStages(b *Build) []*Vertex {
	final := b.Stages[0]
	out := []*Vertex{final}
	seen := map[*Vertex]bool{final: true}
	var visit func(v *Vertex)
	visit = func(v *Vertex) {
		for _, e := range v.Inputs {
			from := e.From
			named := from.Kind == Stage && from.Dockerfile == b.Dockerfile && !from.Unnamed()
			if named && e.Why != Base && !slices.Contains(out, from) {
				out = append(out, from)
			}
			if !seen[from] {
				seen[from] = true
				visit(from)
			}
		}
	}
	visit(final)
	slices.SortStableFunc(out[1:], func(a, b *Vertex) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// image adds the build that pushes a stage with its cache. Targets that have
// the same stage share one image under several names.
func (w *wiring) image(b *Build, stage *Vertex, ref string) {
	for _, have := range w.images {
		if have.Stages[0] == stage && slices.Equal(have.Platforms, b.Platforms) && have.Target.Cache.Ref == b.Target.Cache.Ref {
			have.Target.Tags = append(have.Target.Tags, ref)
			return
		}
	}
	t := *b.Target
	t.Name = b.Name() + " (cache)"
	if stage != b.Stages[0] {
		t.Name = b.Name() + "." + stage.Name + " (cache)"
		t.Stage = stage.Name
	}
	t.Tags = []string{ref}
	t.Annotations, t.Labels, t.CacheFrom, t.CacheTo = nil, nil, nil, nil
	t.Attest = []config.Attest{config.NewAttest(config.Entry{Type: "provenance", Attrs: map[string]string{"disabled": "true"}})}
	output := config.Entry{Type: "registry", Attrs: map[string]string{}}
	for _, name := range []string{"compression", "compression-level", "force-compression", "oci-mediatypes", "registry.insecure"} {
		if v, ok := b.Target.Cache.Options[name]; ok {
			output.Attrs[name] = v
		}
	}
	t.Outputs = []config.Output{config.NewOutput(output)}
	image := *b
	image.Target, image.Stages, image.Wanted = &t, []*Vertex{stage}, false
	image.CacheFrom = nil
	image.CacheTo = []Cache{w.wired(b, config.Entry{Type: "inline", Attrs: map[string]string{}})}
	w.images = append(w.images, &image)
}
