package planner

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/planner/dockerfile"
)

// stage returns the vertex of a stage, or nil after a fault.
func (s *stageWork) stage(i int) *node {
	if n, ok := s.memo[i]; ok {
		return n
	}
	s.memo[i] = nil // what a faulty stage stays
	n := s.plan(s.names.parsed.Stages[i])
	s.memo[i] = n
	return n
}

// plan finds the base of a stage, what else it takes from, and so its ID; the
// rest only if no target met the same stage before.
func (s *stageWork) plan(st *dockerfile.Stage) *node {
	platform, ok := s.names.stagePlatform(st)
	if !ok {
		return nil
	}
	if n := s.work.named(st.Name, platform); n != nil {
		s.replaced[st.Index] = true
		return n
	}
	base, ok := s.base(st, platform)
	if !ok {
		return nil
	}
	platform = s.basePlatform(st, base, platform)
	cmds := st.Cmds
	if len(base.onbuild) > 0 {
		over := dockerfile.TakenOver(base.onbuild, st)
		if !s.triggers(over) {
			return nil
		}
		cmds = slices.Concat(over, st.Cmds)
	}
	refs, ok := s.refs(st, cmds)
	if !ok {
		return nil
	}
	id := s.id(st, cmds, base, refs, platform)
	if n, ok := s.work.parts.vertices.nodes[id]; ok {
		s.again(n, st, base, refs, cmds)
		return n
	}
	n := &node{Vertex: &Vertex{ID: id, Kind: Stage, Platform: platform, Names: []string{st.Shown()}}}
	s.work.parts.vertices.nodes[id] = n
	if !s.fill(n, st, base, refs, cmds) {
		return nil
	}
	return n
}

// basePlatform is the platform that a stage has because of its base: that
// of the stage below it; and scratch has none but the target's.
func (s *stageWork) basePlatform(st *dockerfile.Stage, base *node, asked string) string {
	if base.Kind == Scratch {
		return s.names.target
	}
	if _, ok := s.names.baseStage(st); ok && base.Platform != "" {
		return base.Platform
	}
	return asked
}

// base returns what a stage starts from: an earlier stage of that very name,
// nothing, a named context, or an image.
func (s *stageWork) base(st *dockerfile.Stage, platform string) (*node, bool) {
	b, ok := s.names.baseName(st)
	switch {
	case !ok:
		return nil, false
	case b.stage >= 0:
		n := s.stage(b.stage)
		return n, n != nil
	case b.image.full == "":
		return s.work.parts.vertices.scratch(), true
	}
	if n := s.work.named(b.image.context, platform); n != nil {
		return n, true
	}
	return s.work.parts.vertices.image(b.image, platform, s.names.source.Lines(st.First, st.FromEnd)), true
}

// refs returns what the instructions name by --from and from=, one for each
// name in order.
func (s *stageWork) refs(st *dockerfile.Stage, cmds []*dockerfile.Cmd) ([]*node, bool) {
	var out []*node
	ok := true
	for _, k := range cmds {
		for _, f := range k.Froms {
			n := s.ref(st, k, f)
			if n == nil {
				ok = false
			}
			out = append(out, n)
		}
	}
	return out, ok
}

func (s *stageWork) ref(st *dockerfile.Stage, k *dockerfile.Cmd, f dockerfile.From) *node {
	at := s.names.source.Word(k.First, k.Last, "from="+f.Name)
	i, found, ok := s.names.refStage(k, f, at)
	if !ok {
		return nil
	}
	if found {
		return s.refTo(st, k, i, at)
	}
	if f.Name == dockerfile.ScratchName {
		return s.work.parts.vertices.scratch()
	}
	ref, ok := s.names.refImage(k, f, at)
	if !ok {
		return nil
	}
	platform := s.names.target
	if n := s.work.named(ref.context, platform); n != nil {
		return n
	}
	return s.work.parts.vertices.image(ref, platform, at)
}

// refTo returns a stage that another one takes from. It has to be an earlier
// one, unless a named context stands for it.
func (s *stageWork) refTo(st *dockerfile.Stage, k *dockerfile.Cmd, i int, at fault.Range) *node {
	from := s.names.parsed.Stages[i]
	if i < st.Index {
		return s.stage(i)
	}
	if platform, ok := s.names.stagePlatform(from); ok {
		if n := s.work.named(from.Name, platform); n != nil {
			return n
		}
	}
	around := s.names.source.Lines(k.First, k.Last)
	if i == st.Index {
		s.names.fail(k, at, &around, "Cycle of stages", "Stage %s takes from itself.", st.Shown())
		return nil
	}
	if steps := s.names.steps(i, st.Index, map[int]bool{}); steps != nil {
		s.names.fail(k, at, &around, "Cycle of stages", "Each of these stages needs the next one first: %s.",
			strings.Join(append([]string{st.Shown()}, steps...), " -> "))
		return nil
	}
	s.names.fail(k, at, &around, "Stage used before it is defined", "Stage %s takes from stage %s, which is only defined in line %d. Move that stage above.",
		st.Shown(), from.Shown(), from.First)
	return nil
}

// id is the digest of all that defines the work of a stage.
func (s *stageWork) id(st *dockerfile.Stage, cmds []*dockerfile.Cmd, base *node, refs []*node, platform string) string {
	d := &s.work.parts.ids
	d.Reset()
	d.Add("stage", platform, s.work.frontend, string(s.names.parsed.Escape), s.work.all, base.ID, strconv.FormatBool(s.inherits(st)), st.Sum)
	files, run := st.HasFiles, st.HasRun
	for _, k := range cmds[:len(cmds)-len(st.Cmds)] {
		files = files || k.HasFiles
		if _, ok := k.Command.(*instructions.RunCommand); ok {
			run = true
		}
		if c, ok := k.Command.(*instructions.ArgCommand); ok {
			for _, a := range c.Args {
				s.addArg(d, dockerfile.NewArg(a, s.names.lex))
			}
		}
	}
	for _, a := range st.Decls {
		s.addArg(d, a)
	}
	for _, n := range refs {
		d.Add(n.ID)
	}
	if files {
		d.Add("context", s.work.main.ID)
	}
	if run {
		d.Add("run", s.work.exec)
	}
	return d.ID()
}

// addArg adds the value of an argument, or what it is computed from: the
// variables in there are themselves part of the ID.
func (s *stageWork) addArg(d *framed.Digest, a dockerfile.Arg) {
	if v, ok := s.work.t.Args[a.Key]; ok {
		d.Add("value", v)
		return
	}
	if a.HasValue {
		if a.Fixed {
			d.Add("value", a.Value)
		} else {
			d.Add("expression", a.Value)
		}
		return
	}
	if v, ok := s.names.globals[a.Key]; ok {
		d.Add("value", v)
		return
	}
	d.Add("unset")
}

// triggers reports the ONBUILD instructions of a base that mean nothing. They
// are read where a stage starts from the base.
func (s *stageWork) triggers(cmds []*dockerfile.Cmd) bool {
	ok := true
	for _, k := range cmds {
		if k.Wrong != nil {
			s.names.fail(k, s.names.source.Lines(k.First, k.Last), nil, "Invalid Dockerfile", "%s", fault.Sentence(fault.Cause(k.Wrong).Error()))
			ok = false
		}
	}
	return ok
}
