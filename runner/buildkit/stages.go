package buildkit

import (
	"context"
	"slices"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/planner"
)

// customName is the key of a vertex's name in its metadata.
const customName = "llb.customname"

// stageIndex finds the stages that the steps of one build belong to, for one
// of its platforms.
type stageIndex struct {
	build *planner.Build
	// stages are those of the build by how its steps name them. One name may
	// stand for several stages where the builder does the same for all of them.
	stages map[string][]*planner.Vertex
	// below names the targets that the build is built on; their steps are
	// theirs.
	below map[string]bool
}

// anyStage stands for every name of a stage.
const anyStage = "*"

// newStageIndex is the index for the platform of that number.
func newStageIndex(b *planner.Build, platform int) *stageIndex {
	s := &stageIndex{build: b, stages: map[string][]*planner.Vertex{}, below: map[string]bool{}}
	s.descend(b)
	seen := map[*planner.Vertex]bool{}
	for _, in := range b.Inputs {
		for _, v := range in.Stages {
			seen[v] = true
		}
	}
	if platform < len(b.Stages) {
		s.add(b.Stages[platform], seen)
	}
	return s
}

// descend enters the targets that a build is built on.
func (s *stageIndex) descend(b *planner.Build) {
	for _, in := range b.Inputs {
		if !s.below[in.Name()] {
			s.below[in.Name()] = true
			s.descend(in)
		}
	}
}

// add enters a stage and what it is made from, but for what was seen before.
func (s *stageIndex) add(v *planner.Vertex, seen map[*planner.Vertex]bool) {
	if seen[v] {
		return
	}
	seen[v] = true
	for _, in := range v.Inputs {
		s.add(in.From, seen)
	}
	switch v.Kind {
	case planner.Opaque:
		s.name(v, anyStage)
	case planner.Stage:
		// Where a Dockerfile has one stage, its name is left out.
		s.name(v, "")
		for _, name := range append([]string{v.Name}, v.Names...) {
			s.name(v, stageKey(name))
		}
	}
}

func (s *stageIndex) name(v *planner.Vertex, key string) {
	if !slices.Contains(s.stages[key], v) {
		s.stages[key] = append(s.stages[key], v)
	}
}

// find returns the stages that a step belongs to.
func (s *stageIndex) find(name stepName) []*planner.Vertex {
	found := s.stages[strings.ToLower(name.stage)]
	if len(found) == 0 || name.stage == "" && len(found) > 1 {
		return s.stages[anyStage]
	}
	return found
}

// stageKey is the name under which BuildKit shows a stage: its own, or
// "stage-N" for one without a name.
func stageKey(name string) string {
	if name != "" && strings.Trim(name, "0123456789") == "" {
		return "stage-" + name
	}
	return strings.ToLower(name)
}

// owned is what is known of a vertex of the builder before it runs.
type owned struct {
	target string            // the first one that has it
	stages []*planner.Vertex // those that it is a step of
	source string            // the scheme of what it reads, if it does nothing else
}

// claim tells the display which vertices are the target's, and of which stages
// they are steps. What the builder does not tell of a foreign frontend's
// definitions only leaves gaps in what is shown.
func (t *target) claim(ctx context.Context, result *gateway.Result) {
	ids, err := platformIDs(result)
	if err != nil {
		return
	}
	for i, id := range ids {
		ref := result.Ref
		if id != "" {
			ref = result.Refs[id]
		}
		def, err := t.definition(ctx, ref)
		if err != nil || def == nil {
			continue
		}
		t.defs[ref] = def
		t.run.opt.Progress.own(newStageIndex(t.plan, i), def)
	}
}

// own records whose vertices a definition has, and of which stages they are
// steps.
func (p *Progress) own(of *stageIndex, def *pb.Definition) {
	ids := make([]digest.Digest, len(def.Def))
	for i, dt := range def.Def {
		ids[i] = digest.FromBytes(dt)
	}
	root := rootOf(def)
	p.mu.Lock()
	defer p.mu.Unlock()
	if target := of.build.Name(); root != "" {
		p.roots[target] = append(p.roots[target], root)
	}
	// A definition has what a vertex is made from before it.
	last := map[*planner.Vertex]digest.Digest{}
	for i, id := range ids {
		o := p.owner[id]
		if o == nil {
			o = &owned{target: of.build.Name(), source: sourceScheme(def.Def[i])}
			p.owner[id] = o
		}
		if of.below[o.target] {
			continue
		}
		name, ok := parseStepName(def.Metadata[string(id)].GetDescription()[customName])
		if !ok {
			continue
		}
		for _, v := range of.find(name) {
			if !slices.Contains(o.stages, v) {
				o.stages = append(o.stages, v)
			}
			last[v] = id
		}
	}
	for v, id := range last {
		if !slices.Contains(p.ends[id], v) {
			p.ends[id] = append(p.ends[id], v)
		}
	}
}

// sourceScheme is what stands before "://" in the identifier of a vertex that
// reads a source, such as "docker-image"; "" for every other vertex.
func sourceScheme(dt []byte) string {
	var op pb.Op
	if err := op.UnmarshalVT(dt); err != nil {
		return ""
	}
	scheme, _, _ := strings.Cut(op.GetSource().GetIdentifier(), "://")
	return scheme
}

// rootOf is the vertex that a definition ends in: its last entry is no vertex,
// but points to that one.
func rootOf(def *pb.Definition) digest.Digest {
	if len(def.Def) == 0 {
		return ""
	}
	var op pb.Op
	if err := op.UnmarshalVT(def.Def[len(def.Def)-1]); err != nil || op.Op != nil || len(op.Inputs) == 0 {
		return ""
	}
	return digest.Digest(op.Inputs[0].Digest)
}

// place finds out to which stages and to which targets a step belongs.
func (p *Progress) place(s *step) {
	o := p.owner[s.id]
	if o == nil || p.plan == nil {
		return
	}
	s.source = o.source
	name, ok := parseStepName(s.name)
	if !ok {
		return
	}
	s.vertices = o.stages
	name.platform = p.shownPlatform(s, name.platform)
	s.text, s.label = name.text, name.label()
	switch len(o.stages) {
	case 0:
		s.targets = []string{o.target}
	case 1:
		s.targets = o.stages[0].Targets
	default:
		s.targets = nil
		for _, v := range o.stages {
			s.targets = append(s.targets, v.Targets...)
		}
		slices.Sort(s.targets)
		s.targets = slices.Compact(s.targets)
	}
}

// shownPlatform is the platform that a step is shown with. BuildKit names the
// one of the target that came first, though others may have the step too, and
// leaves it out of some steps where it would tell one from the other.
func (p *Progress) shownPlatform(s *step, named string) string {
	if len(s.vertices) == 0 {
		return named
	}
	platform := s.platform()
	if platform == "" {
		return ""
	}
	if named != "" || !p.severalPlatforms(s) {
		return named
	}
	return platform
}

// severalPlatforms says whether a target of the step is built for more than one
// platform.
func (p *Progress) severalPlatforms(s *step) bool {
	return slices.ContainsFunc(p.plan.Builds, func(b *planner.Build) bool {
		return len(b.Platforms) > 1 && slices.ContainsFunc(s.vertices, func(v *planner.Vertex) bool {
			return slices.Contains(v.Targets, b.Name())
		})
	})
}
