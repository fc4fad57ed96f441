package steps

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/runner"
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
func (s *stageIndex) find(name Name) []*planner.Vertex {
	found := s.stages[strings.ToLower(name.Stage)]
	if len(found) == 0 || name.Stage == "" && len(found) > 1 {
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
	name   Name              // what it is called as a step of the first of them
	source string            // the scheme of what it reads, if it does nothing else
}

// Own records that a definition has the vertices of a build, for the platform
// of that number, and of which stages they are steps. proxied says that a policy
// judges what steps fetch; see Digests.
func (t *Tracker) Own(b *planner.Build, platform int, def *pb.Definition, proxied bool) {
	of := newStageIndex(b, platform)
	ids := Digests(def, proxied)
	root := rootOf(def, ids)
	t.mu.Lock()
	defer t.mu.Unlock()
	if target := of.build.Name(); root != "" {
		t.roots[target] = append(t.roots[target], string(root))
		t.session.Send(runner.TargetSteps{Target: target, Steps: slices.Clone(t.roots[target])})
	}
	// A definition has what a vertex is made from before it.
	last := map[*planner.Vertex]digest.Digest{}
	for i, id := range ids {
		o := t.owner[id]
		if o == nil {
			o = &owned{target: of.build.Name(), source: sourceScheme(def.Def[i])}
			t.owner[id] = o
		}
		if of.below[o.target] {
			continue
		}
		metadata := def.Metadata[digest.FromBytes(def.Def[i]).String()]
		name, ok := ParseName(metadata.GetDescription()[customName])
		if !ok {
			continue
		}
		for _, v := range of.find(name) {
			if len(o.stages) == 0 {
				o.name = name
			}
			if !slices.Contains(o.stages, v) {
				o.stages = append(o.stages, v)
			}
			last[v] = id
		}
	}
	for v, id := range last {
		if !slices.Contains(t.ends[id], v) {
			t.ends[id] = append(t.ends[id], v)
		}
	}
}

// sourceScheme is what is before "://" in the identifier of a vertex that
// reads a source, such as "docker-image"; "" for every other vertex.
func sourceScheme(dt []byte) string {
	var op pb.Op
	if err := op.UnmarshalVT(dt); err != nil {
		return ""
	}
	scheme, _, _ := strings.Cut(op.GetSource().GetIdentifier(), "://")
	return scheme
}

// rootOf is the vertex that a definition ends in: its last entry is not a vertex,
// but points to that one. ids are what the builder calls the entries.
func rootOf(def *pb.Definition, ids []digest.Digest) digest.Digest {
	if len(def.Def) == 0 {
		return ""
	}
	var op pb.Op
	if err := op.UnmarshalVT(def.Def[len(def.Def)-1]); err != nil || op.Op != nil || len(op.Inputs) == 0 {
		return ""
	}
	for i, data := range slices.Backward(def.Def) {
		if digest.FromBytes(data).String() == op.Inputs[0].Digest {
			return ids[i]
		}
	}
	return digest.Digest(op.Inputs[0].Digest)
}

// place finds out to which stages and to which targets a step belongs.
func (t *Tracker) place(s *step) {
	o := t.owner[s.id]
	if o == nil {
		return
	}
	s.source = o.source
	name, ok := ParseName(s.name)
	if !ok {
		return
	}
	// The builder names a step as the target does that it has from first. What is
	// recorded is the place in the stage that is recorded with it.
	if s.vertices = o.stages; len(o.stages) > 0 {
		name.Stage, name.Count = o.name.Stage, o.name.Count
	}
	name.Platform = t.shownPlatform(s, name.Platform)
	s.text, s.label = name.Text, name.Label()
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
func (t *Tracker) shownPlatform(s *step, named string) string {
	if len(s.vertices) == 0 {
		return named
	}
	platform := Platform(s.vertices)
	if platform == "" {
		return ""
	}
	if named != "" || !t.severalPlatforms(s) {
		return named
	}
	return platform
}

// severalPlatforms says whether a target of the step is built for more than one
// platform.
func (t *Tracker) severalPlatforms(s *step) bool {
	return slices.ContainsFunc(t.session.Plan.Builds, func(b *planner.Build) bool {
		return len(b.Platforms) > 1 && slices.ContainsFunc(s.vertices, func(v *planner.Vertex) bool {
			return slices.Contains(v.Targets, b.Name())
		})
	})
}
