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
)

// stage returns the vertex of a stage, or nil after a fault.
func (s *stageWork) stage(i int) *node {
	if n, ok := s.memo[i]; ok {
		return n
	}
	s.memo[i] = nil // what a faulty stage stays
	n := s.plan(s.parsed.stages[i])
	s.memo[i] = n
	return n
}

// plan finds the base of a stage, what else it takes from, and so its ID; the
// rest only if no target met the same stage before.
func (s *stageWork) plan(st *stage) *node {
	platform, ok := s.stagePlatform(st)
	if !ok {
		return nil
	}
	if n := s.named(st.name, platform); n != nil {
		s.replaced[st.index] = true
		return n
	}
	base, ok := s.base(st, platform)
	if !ok {
		return nil
	}
	platform = s.basePlatform(st, base, platform)
	cmds := st.cmds
	if len(base.onbuild) > 0 {
		if !s.triggers(st, base.onbuild) {
			return nil
		}
		cmds = slices.Concat(base.onbuild, st.cmds)
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
	n := &node{Vertex: &Vertex{ID: id, Kind: Stage, Platform: platform, Names: []string{st.shown()}}}
	s.nodes[id] = n
	if !s.fill(n, st, base, refs, cmds) {
		return nil
	}
	return n
}

// stagePlatform is the platform that FROM asks for, or the target's.
func (s *stageWork) stagePlatform(st *stage) (string, bool) {
	if st.platform == "" {
		return s.target, true
	}
	at := s.d.word(st.first, st.fromEnd, "--platform="+st.platform)
	text, err := expandWord(s.lex, st.platform, s.globals)
	if err != nil {
		s.Fail(at, "Invalid platform", "%s", fault.Sentence(fault.Cause(err).Error()))
		return "", false
	}
	pl, err := platforms.Parse(text)
	if text == "" || err != nil {
		s.Fail(at, "Invalid platform", "The platform of stage %s is %q after putting in the arguments, which is no platform. Arguments of FROM are declared by ARG before the first FROM.", st.shown(), text)
		return "", false
	}
	return platforms.FormatAll(platforms.Normalize(pl)), true
}

// basePlatform is the platform that a stage has for the sake of its base: that
// of the stage below it; and scratch has none but the target's.
func (s *stageWork) basePlatform(st *stage, base *node, asked string) string {
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
func (s *stageWork) base(st *stage, platform string) (*node, bool) {
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
	return s.image(b.image, platform, s.d.lines(st.first, st.fromEnd)), true
}

// baseName is what a FROM means.
type baseName struct {
	stage int       // the index of a stage, or -1
	image imageName // empty for a stage, and for scratch
}

// baseName reads what a FROM means, and reports it if that is nothing.
func (s *stageWork) baseName(st *stage) (baseName, bool) {
	at := s.d.lines(st.first, st.fromEnd)
	none := baseName{stage: -1}
	name, err := expandWord(s.lex, st.base, s.globals)
	if err != nil {
		s.Fail(at, "Invalid base", "%s", fault.Sentence(fault.Cause(err).Error()))
		return none, false
	}
	if name == "" {
		s.Fail(at, "Empty base", "%q is empty after putting in the arguments. Declare the argument before the first FROM, with a default, or set it in args of the target.", st.base)
		return none, false
	}
	if i, ok := s.before(name, st.index); ok {
		return baseName{stage: i}, true
	}
	if name == scratch {
		return none, true
	}
	ref := s.imageName(name)
	if ref.err != nil {
		hint := ""
		if _, ok := s.before(strings.ToLower(name), st.index); ok {
			hint = fmt.Sprintf(" Stages are known by their names in lower case here: write FROM %s.", strings.ToLower(name))
		}
		s.Fail(at, "Invalid base", "%q is neither an earlier stage nor an image: %s.%s", name, ref.err, hint)
		return none, false
	}
	return baseName{-1, ref}, true
}

// before returns the last stage of that name before another one.
func (s *stageWork) before(name string, limit int) (int, bool) {
	at := s.parsed.named[name]
	n, _ := slices.BinarySearch(at, limit)
	if n == 0 {
		return 0, false
	}
	return at[n-1], true
}

// refs returns what the instructions name by --from and from=, one for each
// name in order.
func (s *stageWork) refs(st *stage, cmds []*cmd) ([]*node, bool) {
	var out []*node
	ok := true
	for _, k := range cmds {
		for _, f := range k.froms {
			n := s.ref(st, k, f)
			if n == nil {
				ok = false
			}
			out = append(out, n)
		}
	}
	return out, ok
}

func (s *stageWork) ref(st *stage, k *cmd, f from) *node {
	at := s.d.word(k.first, k.last, "from="+f.name)
	i, found, ok := s.refStage(k, f, at)
	if !ok {
		return nil
	}
	if found {
		return s.refTo(st, k, i, at)
	}
	if f.name == scratch {
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

// refImage returns the image or context that a name means which is no stage's.
func (s *stageWork) refImage(f from, at fault.Range) (imageName, bool) {
	ref := s.imageName(f.name)
	if ref.err != nil {
		s.Fail(at, "Invalid source", "%q is neither a stage, nor a context of the target, nor an image: %s.%s",
			f.name, ref.err, fault.Suggestion(f.name, slices.Collect(maps.Keys(s.parsed.named))))
	}
	return ref, ref.err == nil
}

// refStage returns the index of the stage that a name means. COPY knows
// stages by their index too; mounts do not.
func (s *stageWork) refStage(k *cmd, f from, at fault.Range) (i int, found, ok bool) {
	if !f.mount {
		if strings.Contains(f.name, "$") {
			s.Fail(at, "Variable in --from", "COPY takes no variable in --from. Name the stage or image in a FROM of its own, as in FROM %s AS source, and copy from that.", f.name)
			return 0, false, false
		}
		if n, err := strconv.Atoi(f.name); err == nil {
			if n < 0 || n >= len(s.parsed.stages) {
				s.Fail(at, "Unknown stage", "There is no stage %d: stages are counted from 0 to %d.", n, len(s.parsed.stages)-1)
				return 0, false, false
			}
			return n, true, true
		}
	}
	i, found = s.find(f.name)
	return i, found, true
}

// refTo returns a stage that another one takes from. It has to be an earlier
// one, unless a named context stands for it.
func (s *stageWork) refTo(st *stage, k *cmd, i int, at fault.Range) *node {
	from := s.parsed.stages[i]
	if i < st.index {
		return s.stage(i)
	}
	if platform, ok := s.stagePlatform(from); ok {
		if n := s.named(from.name, platform); n != nil {
			return n
		}
	}
	around := s.d.lines(k.first, k.last)
	if i == st.index {
		s.FailIn(at, &around, "Cycle of stages", "Stage %s takes from itself.", st.shown())
		return nil
	}
	if steps := s.steps(i, st.index, map[int]bool{}); steps != nil {
		s.FailIn(at, &around, "Cycle of stages", "Each of these stages needs the next one first: %s.",
			strings.Join(append([]string{st.shown()}, steps...), " -> "))
		return nil
	}
	s.FailIn(at, &around, "Stage used before it is defined", "Stage %s takes from stage %s, which is only defined in line %d. Move that stage above.",
		st.shown(), from.shown(), from.first)
	return nil
}

// steps returns the names on a way from one stage to another, or nil.
func (s *stageWork) steps(i, goal int, seen map[int]bool) []string {
	st := s.parsed.stages[i]
	if i == goal {
		return []string{st.shown()}
	}
	if seen[i] {
		return nil
	}
	seen[i] = true
	for _, next := range s.needs(st) {
		if rest := s.steps(next, goal, seen); rest != nil {
			return append([]string{st.shown()}, rest...)
		}
	}
	return nil
}

// needs returns the stages that one names, whatever comes of it.
func (s *stageWork) needs(st *stage) []int {
	var out []int
	if name, err := expandWord(s.lex, st.base, s.globals); err == nil {
		if i, ok := s.before(name, st.index); ok {
			out = append(out, i)
		}
	}
	for _, k := range st.cmds {
		for _, f := range k.froms {
			if n, err := strconv.Atoi(f.name); err == nil && !f.mount && n >= 0 && n < len(s.parsed.stages) {
				out = append(out, n)
			} else if i, ok := s.find(f.name); ok {
				out = append(out, i)
			}
		}
	}
	return out
}

// id is the digest of all that defines the work of a stage.
func (s *stageWork) id(st *stage, cmds []*cmd, base *node, refs []*node, platform string) string {
	d := &s.ids
	d.reset()
	d.add("stage", platform, s.frontend, string(s.parsed.escape), s.all, base.ID, strconv.FormatBool(s.inherits(st)), st.sum)
	files, run := st.hasFiles, st.hasRun
	for _, k := range cmds[:len(cmds)-len(st.cmds)] {
		files = files || k.hasFiles
		if _, ok := k.Command.(*instructions.RunCommand); ok {
			run = true
		}
		if c, ok := k.Command.(*instructions.ArgCommand); ok {
			for _, a := range c.Args {
				s.addArg(d, newArgDecl(a, s.lex))
			}
		}
	}
	for _, a := range st.decls {
		s.addArg(d, a)
	}
	for _, n := range refs {
		d.add(n.ID)
	}
	if files {
		d.add("context", s.main.ID)
	}
	if run {
		d.add("run", s.exec)
	}
	return d.id()
}

// addArg adds the value of an argument, or what it is computed from: the
// variables in there are themselves part of the ID.
func (s *stageWork) addArg(d *digest, a argDecl) {
	if v, ok := s.t.Args[a.key]; ok {
		d.add("value", v)
		return
	}
	if a.hasValue {
		if a.fixed {
			d.add("value", a.value)
		} else {
			d.add("expression", a.value)
		}
		return
	}
	if v, ok := s.globals[a.key]; ok {
		d.add("value", v)
		return
	}
	d.add("unset")
}

// triggers reports the ONBUILD instructions of a base that mean nothing. They
// are read where a stage starts from the base.
func (s *stageWork) triggers(st *stage, cmds []*cmd) bool {
	ok := true
	for _, k := range cmds {
		if k.wrong != nil {
			s.Fail(s.d.lines(st.first, st.fromEnd), "Invalid Dockerfile", "%s, in %q of the base.", strings.TrimSuffix(fault.Sentence(fault.Cause(k.wrong).Error()), "."), k.text)
			ok = false
		}
	}
	return ok
}
