package planner

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
)

// work plans the stages of one target.
type work struct {
	parts    *parts
	b        *Build
	t        *config.Target
	d        *file // nil if the builder has to fetch it
	frontend string
	main     *node           // the main context
	contexts map[string]bool // the names of contexts
	exec     string          // digest of what else every RUN can feel
	all      string          // digest of what else every stage can feel
}

// stageWork plans them for one platform.
type stageWork struct {
	work     *work
	names    *names
	memo     map[int]*node
	replaced map[int]bool // stages that a named context stands for
}

func newWork(ps *parts, b *Build, d *file) *work {
	w := &work{parts: ps, b: b, t: b.Target, d: d, contexts: map[string]bool{}}
	for name := range w.t.Contexts {
		w.contexts[name] = true
	}
	b.Contexts = w.localContexts()
	w.main = w.mainContext()
	if w.main.local != nil {
		b.Context = w.main.local.Local
	}
	if d != nil {
		b.Dockerfile = d.Dockerfile
		w.frontend = frontend(w.t, d)
	}
	w.exec, w.all = settings(w.t)
	return w
}

func (w *work) localContexts() map[string]*Local {
	var out map[string]*Local
	for _, name := range slices.Sorted(maps.Keys(w.t.Contexts)) {
		c := w.t.Contexts[name]
		if c.Kind != config.Local {
			continue
		}
		if out == nil {
			out = map[string]*Local{}
		}
		out[name] = w.parts.folders.local(localKey{contextDir(c), nil, w.t.GitModes}, ContextRange(w.t, "contexts."+name)).Local
	}
	return out
}

func (w *work) mainContext() *node {
	at := w.t.RangeOf("context")
	if w.t.Context.Kind == config.Local {
		return w.parts.folders.local(localKey{contextDir(w.t.Context), w.d, w.t.GitModes}, at).node
	}
	return w.parts.vertices.remote(w.t.Context.Value, at)
}

// settings sums up the attributes of a target that its steps can feel: what
// only a RUN can, and what every step can. Proxies are left out, as BuildKit
// leaves them out of its cache keys.
func settings(t *config.Target) (exec, all string) {
	if t.Network != "" || len(t.ExtraHosts) > 0 || t.ShmSize != "" || len(t.Ulimits) > 0 || t.Resources != nil ||
		t.Args["BUILDKIT_CACHE_MOUNT_NS"] != "" || t.Args["BUILDKIT_SANDBOX_HOSTNAME"] != "" {
		var d framed.Digest
		d.Add(t.Network, t.ShmSize, t.Args["BUILDKIT_CACHE_MOUNT_NS"], t.Args["BUILDKIT_SANDBOX_HOSTNAME"])
		d.AddMap(t.ExtraHosts)
		d.Add(t.Ulimits...)
		// A struct of plain values always encodes.
		limits, _ := json.Marshal(t.Resources)
		d.Add(string(limits))
		exec = d.Hex()
	}
	return exec, t.Args["SOURCE_DATE_EPOCH"]
}

// vertex returns the vertex that the target ends in on a platform, or nil
// after a fault.
func (w *work) vertex(pl ocispecs.Platform) *Vertex {
	if w.d == nil || !isDockerfileSyntax(w.frontend) {
		return w.opaque(platforms.FormatAll(pl)).Vertex
	}
	parsed, ok := w.parts.reading.stages(w.d)
	if !ok {
		return nil
	}
	last := parsed.Stages[len(parsed.Stages)-1]
	name := w.t.Stage
	if name == "" {
		name = last.Name
	}
	if name == "" {
		name = "default"
	}
	globals, err := dockerfile.Globals(parsed, parsed.Lex, w.parts.platform, pl, name, w.t.Args)
	if err != nil {
		w.parts.faults.Fail(w.d.source.Lines(err.Line, err.Line), "Invalid ARG", "%s", fault.Sentence(err.Msg))
		return nil
	}
	end := last.Index
	if w.t.Stage != "" {
		if end, ok = parsed.Find(w.t.Stage); !ok {
			w.unknownStage(parsed)
			return nil
		}
	}
	s := &stageWork{work: w, memo: map[int]*node{}, replaced: map[int]bool{}}
	s.names = &names{
		faults: &w.parts.faults, vertices: w.parts.vertices, source: w.d.source,
		parsed: parsed, lex: parsed.Lex, globals: globals, target: platforms.FormatAll(pl),
	}
	n := s.stage(end)
	if !s.checkUnreached() || n == nil {
		return nil
	}
	s.need()
	if n.local != nil {
		n.local.readAll()
	}
	return n.Vertex
}

// need notes the stages that the target reaches on this platform too.
func (s *stageWork) need() {
	if s.work.b.Parsed == nil {
		s.work.b.Parsed = &dockerfile.Part{File: s.names.parsed}
	}
	p := s.work.b.Parsed
	p.Needs = slices.AppendSeq(p.Needs, maps.Keys(s.memo))
	slices.Sort(p.Needs)
	p.Needs = slices.Compact(p.Needs)
	for i := range s.memo {
		if !s.replaced[i] {
			p.Bodies = append(p.Bodies, i)
		}
	}
}

// unknownStage reports that a target names no stage of its Dockerfile.
func (w *work) unknownStage(parsed *dockerfile.File) {
	var names []string
	for _, st := range parsed.Stages {
		if st.Name != "" {
			names = append(names, st.Name)
		}
	}
	has := " It has no named stage; leave the attribute out to build the last one."
	if len(names) > 0 {
		has = " It has the stages " + fault.Names(names) + "."
	}
	w.parts.faults.Fail(w.t.RangeOf("target"), "Unknown stage", "Target %q builds the stage %q, which %s does not have.%s%s",
		w.t.Name, w.t.Stage, w.d.Name, suggest.Sentence(w.t.Stage, names), has)
}

// opaque is the whole build of a target that cannot be read beforehand.
func (w *work) opaque(platform string) *node {
	var d framed.Digest
	d.Add("opaque", platform, w.t.Stage, w.frontend, w.exec, w.all)
	d.AddMap(w.t.Args)
	inputs := []Edge{{From: w.main.Vertex, Why: Context, Range: w.t.RangeOf("context")}}
	nodes := []*node{w.main}
	d.Add(w.main.ID)
	for _, name := range slices.Sorted(maps.Keys(w.t.Contexts)) {
		n := w.context(name, platform)
		at := ContextRange(w.t, "contexts."+name)
		nodes = append(nodes, n)
		inputs = append(inputs, Edge{From: n.Vertex, Why: Context, Range: at})
		d.Add(name, n.ID)
	}
	for _, n := range nodes {
		if n.local != nil {
			n.local.readAll()
		}
	}
	name, at := w.t.Dockerfile, dockerfileRange(w.t)
	if w.d != nil {
		name = w.d.Name
		at = w.d.source.Lines(1, 1)
		d.Add(string(w.d.Data))
	} else {
		d.Add(name)
	}
	return w.parts.vertices.vertex(d.ID(), func(v *Vertex) {
		v.Kind, v.Name, v.Platform, v.Range, v.Inputs = Opaque, name, platform, at, inputs
		if w.d != nil {
			v.Dockerfile = w.d.Dockerfile
		}
		v.Args = dockerfile.NewArguments(w.t.Args)
		v.Work = &Work{Target: w.t, Frontend: w.frontend}
	})
}

// named returns the context that stands for a stage or an image, or nil.
func (w *work) named(name, platform string) *node {
	if name == "" || name == dockerfile.ScratchName || name == "context" {
		return nil
	}
	// BuildKit looks for the short form of a name, and only for that.
	for _, n := range []string{name + "::" + platform, name} {
		if w.contexts[n] {
			return w.context(n, platform)
		}
	}
	return nil
}

// context returns the vertex of a named context.
func (w *work) context(name, platform string) *node {
	c := w.t.Contexts[name]
	at := ContextRange(w.t, "contexts."+name)
	if w.b.Used == nil {
		w.b.Used = map[string]bool{}
	}
	w.b.Used[name] = true
	switch c.Kind {
	case config.Local:
		return w.parts.folders.local(localKey{contextDir(c), nil, w.t.GitModes}, at).node
	case config.Image:
		if c.Value == dockerfile.ScratchName {
			return w.parts.vertices.scratch()
		}
		ref := w.parts.vertices.imageName(c.Value)
		if ref.err != nil {
			w.parts.faults.Fail(at, "Invalid image reference", "The context %q of target %q is the image %q: %s.", name, w.t.Name, c.Value, ref.err)
			ref = imageName{full: c.Value, short: c.Value}
		}
		return w.parts.vertices.image(ref, platform, at)
	case config.OCILayout:
		return w.parts.vertices.layout(c.Value, platform, at)
	case config.LinkedTarget:
		return w.linked(name, platform, at)
	default:
		return w.parts.vertices.remote(c.Value, at)
	}
}

// linked returns what a linked target ends in on a platform. A target with
// one platform serves all.
func (w *work) linked(name, platform string, at fault.Range) *node {
	in := w.b.Links[name]
	v := in.Stages[0]
	for i, pl := range in.Platforms {
		if pl == platform {
			v = in.Stages[i]
		}
	}
	if len(in.Platforms) > 1 && !slices.Contains(in.Platforms, platform) {
		w.parts.faults.Fail(at, "Platform missing in a linked target", "Target %q needs the result of target %q for %s, which is built for %s only.",
			w.t.Name, in.Name(), platform, strings.Join(in.Platforms, ", "))
	}
	return w.parts.vertices.nodes[v.ID]
}
