package planner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner/dockerfile"
)

// node is a vertex with what the stages above it have to know of it.
type node struct {
	*Vertex
	env     *dockerfile.Environment // at the end of the stage
	onbuild []*dockerfile.Cmd       // what a stage on top of it runs first
	local   *local                  // the directory, if it is one
}

// vertices are the plan's vertices, each once.
type vertices struct {
	nodes map[string]*node     // by ID
	refs  map[string]imageName // as written
}

func newVertices() *vertices {
	return &vertices{nodes: map[string]*node{}, refs: map[string]imageName{}}
}

// vertex returns the node of an ID, made by fill when it is new.
func (vs *vertices) vertex(id string, fill func(*Vertex)) *node {
	if n, ok := vs.nodes[id]; ok {
		return n
	}
	n := &node{Vertex: &Vertex{ID: id}}
	vs.nodes[id] = n
	fill(n.Vertex)
	return n
}

func (vs *vertices) scratch() *node {
	n := vs.vertex(framed.Sum("scratch"), func(v *Vertex) {
		v.Kind, v.Name = Scratch, dockerfile.ScratchName
	})
	if n.env == nil {
		n.env = &dockerfile.Environment{}
	}
	return n
}

func (vs *vertices) image(name imageName, platform string, at fault.Range) *node {
	return vs.vertex(framed.Sum("image", name.full, platform), func(v *Vertex) {
		v.Kind, v.Name, v.Platform, v.Range = Image, name.short, platform, at
	})
}

func (vs *vertices) layout(ref, platform string, at fault.Range) *node {
	return vs.vertex(framed.Sum("oci-layout", ref, platform), func(v *Vertex) {
		v.Kind, v.Name, v.Platform, v.Range = Image, "oci-layout://"+ref, platform, at
	})
}

func (vs *vertices) remote(url string, at fault.Range) *node {
	return vs.vertex(framed.Sum("remote", url), func(v *Vertex) {
		v.Kind, v.Name, v.Range = RemoteContext, url, at
	})
}

// claim notes at every vertex which targets reach it. The builds are taken in
// the order of the names of their targets.
func claim(builds []*Build) {
	builds = slices.Clone(builds)
	slices.SortFunc(builds, func(a, b *Build) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, b := range builds {
		var visit func(v *Vertex)
		visit = func(v *Vertex) {
			if n := len(v.Targets); n > 0 && v.Targets[n-1] == b.Name() {
				return
			}
			v.Targets = append(v.Targets, b.Name())
			for _, e := range v.Inputs {
				visit(e.From)
			}
		}
		for _, v := range b.Stages {
			visit(v)
		}
	}
}

// sorted returns the vertices that some build reaches: by the length of the
// longest way below them, then by what they are.
func (vs *vertices) sorted() []*Vertex {
	depth := map[*Vertex]int{}
	var measure func(v *Vertex) int
	measure = func(v *Vertex) int {
		if d, ok := depth[v]; ok {
			return d
		}
		d := 0
		for _, e := range v.Inputs {
			d = max(d, measure(e.From)+1)
		}
		depth[v] = d
		return d
	}
	out := make([]*Vertex, 0, len(vs.nodes))
	for _, n := range vs.nodes {
		if len(n.Targets) > 0 {
			measure(n.Vertex)
			out = append(out, n.Vertex)
		}
	}
	texts := map[*Vertex]string{} // of thousands of targets of one stage, each is compared often
	args := func(v *Vertex) string {
		if _, ok := texts[v]; !ok {
			texts[v] = argText(v)
		}
		return texts[v]
	}
	slices.SortFunc(out, func(a, b *Vertex) int {
		if c := cmp.Or(
			cmp.Compare(depth[a], depth[b]),
			cmp.Compare(rank(a.Kind), rank(b.Kind)),
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Platform, b.Platform),
			cmp.Compare(a.Range.Filename, b.Range.Filename),
			cmp.Compare(a.Range.Start.Line, b.Range.Start.Line),
		); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(args(a), args(b)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// rank orders kinds: images first, then contexts, then what is built.
func rank(k Kind) int {
	switch k {
	case Scratch:
		return 0
	case Image:
		return 1
	case LocalContext:
		return 2
	case RemoteContext:
		return 3
	default:
		return 4
	}
}

func argText(v *Vertex) string {
	args := v.Args.Map()
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(args)) {
		b.WriteString(k + "=" + args[k] + "\n")
	}
	return b.String()
}
