package planner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
)

// stage returns the vertex of a stage, or nil after a fault.
func (s *stageWork) stage(i int) *node {
	if n, ok := s.memo[i]; ok {
		return n
	}
	s.memo[i] = nil // what a faulty stage stays
	n := s.plan(s.parsed.Stages[i])
	s.memo[i] = n
	return n
}

// plan finds the base of a stage, what else it takes from, and so its ID; the
// rest only if no target met the same stage before.
func (s *stageWork) plan(st *dockerfile.Stage) *node {
	platform, ok := s.stagePlatform(st)
	if !ok {
		return nil
	}
	if n := s.named(st.Name, platform); n != nil {
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
		if !s.triggers(st, base.onbuild) {
			return nil
		}
		cmds = slices.Concat(base.onbuild, st.Cmds)
	}
	refs, ok := s.refs(st, cmds)
	if !ok {
		return nil
	}
	id := s.id(st, cmds, base, refs, platform)
	if n, ok := s.nodes[id]; ok {
		s.again(n, st, base, refs, cmds)
		return n
	}
	n := &node{Vertex: &Vertex{ID: id, Kind: Stage, Platform: platform, Names: []string{st.Shown()}}}
	s.nodes[id] = n
	if !s.fill(n, st, base, refs, cmds) {
		return nil
	}
	return n
}

// stagePlatform is the platform that FROM asks for, or the target's.
func (s *stageWork) stagePlatform(st *dockerfile.Stage) (string, bool) {
	if st.Platform == "" {
		return s.target, true
	}
	at := s.d.source.Word(st.First, st.FromEnd, "--platform="+st.Platform)
	text, err := dockerfile.Expand(s.lex, st.Platform, s.globals)
	if err != nil {
		s.Fail(at, "Invalid platform", "%s", fault.Sentence(fault.Cause(err).Error()))
		return "", false
	}
	pl, err := platforms.Parse(text)
	if text == "" || err != nil {
		s.Fail(at, "Invalid platform", "The platform of stage %s is %q once its arguments are filled in, which is not a platform. Arguments of FROM are declared by ARG before the first FROM.", st.Shown(), text)
		return "", false
	}
	return platforms.FormatAll(platforms.Normalize(pl)), true
}

// basePlatform is the platform that a stage has because of its base: that
// of the stage below it; and scratch has none but the target's.
func (s *stageWork) basePlatform(st *dockerfile.Stage, base *node, asked string) string {
	if base.Kind == Scratch {
		return s.target
	}
	if _, ok := s.baseStage(st); ok && base.Platform != "" {
		return base.Platform
	}
	return asked
}

// base returns what a stage starts from: an earlier stage of that very name,
// nothing, a named context, or an image.
func (s *stageWork) base(st *dockerfile.Stage, platform string) (*node, bool) {
	b, ok := s.baseName(st)
	switch {
	case !ok:
		return nil, false
	case b.stage >= 0:
		n := s.stage(b.stage)
		return n, n != nil
	case b.image.full == "":
		return s.scratch(), true
	}
	if n := s.named(b.image.context, platform); n != nil {
		return n, true
	}
	return s.image(b.image, platform, s.d.source.Lines(st.First, st.FromEnd)), true
}

// baseName is what a FROM means.
type baseName struct {
	stage int       // the index of a stage, or -1
	image imageName // empty for a stage, and for scratch
}

// baseName reads what a FROM means, and reports it if that is nothing.
func (s *stageWork) baseName(st *dockerfile.Stage) (baseName, bool) {
	at := s.d.source.Lines(st.First, st.FromEnd)
	none := baseName{stage: -1}
	name, err := dockerfile.Expand(s.lex, st.Base, s.globals)
	if err != nil {
		s.Fail(at, "Invalid base", "%s", fault.Sentence(fault.Cause(err).Error()))
		return none, false
	}
	if name == "" {
		s.Fail(at, "Empty base", "%q is empty once its arguments are filled in. Declare the argument before the first FROM, with a default, or set it in args of the target.", st.Base)
		return none, false
	}
	if i, ok := s.parsed.Before(name, st.Index); ok {
		return baseName{stage: i}, true
	}
	if name == dockerfile.ScratchName {
		return none, true
	}
	ref := s.imageName(name)
	if ref.err != nil {
		hint := ""
		if _, ok := s.parsed.Before(strings.ToLower(name), st.Index); ok {
			hint = fmt.Sprintf(" Stages are known by their names in lower case here: write FROM %s.", strings.ToLower(name))
		}
		s.Fail(at, "Invalid base", "%q is neither an earlier stage nor an image: %s.%s", name, ref.err, hint)
		return none, false
	}
	return baseName{-1, ref}, true
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
	at := s.d.source.Word(k.First, k.Last, "from="+f.Name)
	i, found, ok := s.refStage(k, f, at)
	if !ok {
		return nil
	}
	if found {
		return s.refTo(st, k, i, at)
	}
	if f.Name == dockerfile.ScratchName {
		return s.scratch()
	}
	ref, ok := s.refImage(f, at)
	if !ok {
		return nil
	}
	platform := s.target
	if n := s.named(ref.context, platform); n != nil {
		return n
	}
	return s.image(ref, platform, at)
}

// refImage returns the image or context that a name means and that is not a stage's.
func (s *stageWork) refImage(f dockerfile.From, at fault.Range) (imageName, bool) {
	ref := s.imageName(f.Name)
	if ref.err != nil {
		s.Fail(at, "Invalid source", "%q is neither a stage, nor a context of the target, nor an image: %s.%s",
			f.Name, ref.err, suggest.Sentence(f.Name, slices.Collect(maps.Keys(s.parsed.Named))))
	}
	return ref, ref.err == nil
}

// refStage returns the index of the stage that a name means. COPY knows
// stages by their index too; mounts do not.
func (s *stageWork) refStage(k *dockerfile.Cmd, f dockerfile.From, at fault.Range) (i int, found, ok bool) {
	if !f.Mount {
		if strings.Contains(f.Name, "$") {
			s.Fail(at, "Variable in --from", "COPY takes no variable in --from. Name the stage or image in a FROM of its own, as in FROM %s AS source, and copy from that.", f.Name)
			return 0, false, false
		}
		if n, err := strconv.Atoi(f.Name); err == nil {
			if n < 0 || n >= len(s.parsed.Stages) {
				s.Fail(at, "Unknown stage", "There is no stage %d: stages are counted from 0 to %d.", n, len(s.parsed.Stages)-1)
				return 0, false, false
			}
			return n, true, true
		}
	}
	i, found = s.parsed.Find(f.Name)
	return i, found, true
}

// refTo returns a stage that another one takes from. It has to be an earlier
// one, unless a named context stands for it.
func (s *stageWork) refTo(st *dockerfile.Stage, k *dockerfile.Cmd, i int, at fault.Range) *node {
	from := s.parsed.Stages[i]
	if i < st.Index {
		return s.stage(i)
	}
	if platform, ok := s.stagePlatform(from); ok {
		if n := s.named(from.Name, platform); n != nil {
			return n
		}
	}
	around := s.d.source.Lines(k.First, k.Last)
	if i == st.Index {
		s.FailIn(at, &around, "Cycle of stages", "Stage %s takes from itself.", st.Shown())
		return nil
	}
	if steps := s.steps(i, st.Index, map[int]bool{}); steps != nil {
		s.FailIn(at, &around, "Cycle of stages", "Each of these stages needs the next one first: %s.",
			strings.Join(append([]string{st.Shown()}, steps...), " -> "))
		return nil
	}
	s.FailIn(at, &around, "Stage used before it is defined", "Stage %s takes from stage %s, which is only defined in line %d. Move that stage above.",
		st.Shown(), from.Shown(), from.First)
	return nil
}

// steps returns the names on a way from one stage to another, or nil.
func (s *stageWork) steps(i, goal int, seen map[int]bool) []string {
	st := s.parsed.Stages[i]
	if i == goal {
		return []string{st.Shown()}
	}
	if seen[i] {
		return nil
	}
	seen[i] = true
	for _, next := range s.needs(st) {
		if rest := s.steps(next, goal, seen); rest != nil {
			return append([]string{st.Shown()}, rest...)
		}
	}
	return nil
}

// needs returns the stages that one names, whatever comes of it.
func (s *stageWork) needs(st *dockerfile.Stage) []int {
	var out []int
	if name, err := dockerfile.Expand(s.lex, st.Base, s.globals); err == nil {
		if i, ok := s.parsed.Before(name, st.Index); ok {
			out = append(out, i)
		}
	}
	for _, k := range st.Cmds {
		for _, f := range k.Froms {
			if n, err := strconv.Atoi(f.Name); err == nil && !f.Mount && n >= 0 && n < len(s.parsed.Stages) {
				out = append(out, n)
			} else if i, ok := s.parsed.Find(f.Name); ok {
				out = append(out, i)
			}
		}
	}
	return out
}

// id is the digest of all that defines the work of a stage.
func (s *stageWork) id(st *dockerfile.Stage, cmds []*dockerfile.Cmd, base *node, refs []*node, platform string) string {
	d := &s.ids
	d.Reset()
	d.Add("stage", platform, s.frontend, string(s.parsed.Escape), s.all, base.ID, strconv.FormatBool(s.inherits(st)), st.Sum)
	files, run := st.HasFiles, st.HasRun
	for _, k := range cmds[:len(cmds)-len(st.Cmds)] {
		files = files || k.HasFiles
		if _, ok := k.Command.(*instructions.RunCommand); ok {
			run = true
		}
		if c, ok := k.Command.(*instructions.ArgCommand); ok {
			for _, a := range c.Args {
				s.addArg(d, dockerfile.NewArg(a, s.lex))
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
		d.Add("context", s.main.ID)
	}
	if run {
		d.Add("run", s.exec)
	}
	return d.ID()
}

// addArg adds the value of an argument, or what it is computed from: the
// variables in there are themselves part of the ID.
func (s *stageWork) addArg(d *framed.Digest, a dockerfile.Arg) {
	if v, ok := s.t.Args[a.Key]; ok {
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
	if v, ok := s.globals[a.Key]; ok {
		d.Add("value", v)
		return
	}
	d.Add("unset")
}

// triggers reports the ONBUILD instructions of a base that mean nothing. They
// are read where a stage starts from the base.
func (s *stageWork) triggers(st *dockerfile.Stage, cmds []*dockerfile.Cmd) bool {
	ok := true
	for _, k := range cmds {
		if k.Wrong != nil {
			s.Fail(s.d.source.Lines(st.First, st.FromEnd), "Invalid Dockerfile", "%s, in %q of the base.", strings.TrimSuffix(fault.Sentence(fault.Cause(k.Wrong).Error()), "."), k.Text)
			ok = false
		}
	}
	return ok
}
