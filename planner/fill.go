package planner

import (
	"cmp"
	"path"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/planner/dockerfile"
)

// filling walks the instructions of a stage, with the variables that each of
// them can use, and notes what it takes from where.
type filling struct {
	faults   *fault.Report
	vertices *vertices
	source   *dockerfile.Source
	lex      *shell.Lex
	main     *node // the main context
	n        *node // what is described
	scope    dockerfile.Scope
	refs     []*node // of the instructions still to come
	ok       bool
	k        *dockerfile.Cmd // what is being walked
	// ownsArgs is true once the vertex has arguments of its own.
	ownsArgs bool
}

// fill describes a new vertex.
func (s *stageWork) fill(n *node, st *dockerfile.Stage, base *node, refs []*node, cmds []*dockerfile.Cmd) bool {
	v := n.Vertex
	v.Name, v.Dockerfile = st.Shown(), s.work.d.Dockerfile
	v.Range = s.names.source.Lines(st.First, st.Last)
	at := s.names.source.Lines(st.First, st.FromEnd)
	v.Inputs = []Edge{{From: base.Vertex, Why: Base, Range: at}}
	v.Steps, n.onbuild, v.Args, v.Credentials, v.Mounts = nil, nil, nil, nil, nil
	if s.inherits(st) {
		v.Args = base.Args
	}
	if base.local != nil {
		base.local.readAll()
	}
	if _, ok := s.names.baseStage(st); !ok && base.Kind != Scratch {
		v.Steps = append(v.Steps, Step{Text: st.Source, Range: at})
	}
	v.Work = s.workOf(st, base, cmds)
	f := filling{
		faults: &s.work.parts.faults, vertices: s.work.parts.vertices, source: s.names.source, lex: s.names.lex,
		main: s.work.main, n: n, refs: refs, ok: true,
	}
	f.scope = v.Work.Scope()
	for _, k := range cmds {
		f.cmd(k)
	}
	n.env = f.scope.Env
	return f.ok
}

// inherits says whether a stage goes on where an earlier one of the same file
// ends, arguments and all. A context that stands for that stage only hands on
// what an image does.
func (s *stageWork) inherits(st *dockerfile.Stage) bool {
	i, ok := s.names.baseStage(st)
	return ok && !s.replaced[i]
}

// workOf is what a stage consists of.
func (s *stageWork) workOf(st *dockerfile.Stage, base *node, cmds []*dockerfile.Cmd) *Work {
	w := &Work{
		Target: s.work.t, Frontend: s.work.frontend, File: s.names.parsed, Cmds: cmds, Globals: s.names.globals, Inherits: s.inherits(st),
	}
	switch {
	case base.Kind == Scratch, base.Kind == LocalContext, base.Kind == RemoteContext:
	case w.Inherits:
		w.Below = base.env
	default:
		w.OnImage = true
	}
	return w
}

// again notes another place of a vertex. The vertex is described by the one
// that is first in the order of files and lines.
func (s *stageWork) again(n *node, st *dockerfile.Stage, base *node, refs []*node, cmds []*dockerfile.Cmd) {
	at := n.Range
	if n.Dockerfile == s.work.d.Dockerfile && at.Start.Line == st.First {
		return
	}
	if !slices.Contains(n.Names, st.Shown()) {
		n.Names = sortedUnique(append(n.Names, st.Shown()))
	}
	if s.work.d.Name < at.Filename || s.work.d.Name == at.Filename && st.First < at.Start.Line {
		s.fill(n, st, base, refs, cmds)
	}
}

func (f *filling) cmd(k *dockerfile.Cmd) {
	f.k = k
	at := f.source.Lines(k.First, k.Last)
	refs := f.refs[:len(k.Froms)]
	f.refs = f.refs[len(k.Froms):]
	switch c := k.Command.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			f.arg(dockerfile.NewArg(a, f.lex), at)
		}
		return
	case *instructions.EnvCommand:
		f.scope.Setenv(c, func(err error) { f.check(err, at) })
		return
	case *instructions.OnbuildCommand:
		f.n.onbuild = append(f.n.onbuild, k.Onbuild...)
		return
	case *instructions.CopyCommand:
		f.copy(&Take{Sources: c.SourcePaths, Exclude: c.ExcludePatterns, Parents: c.Parents}, refs, at)
	case *instructions.AddCommand:
		first := len(f.n.Inputs)
		f.copy(&Take{Sources: c.SourcePaths, Exclude: c.ExcludePatterns}, nil, at)
		if sum, known := f.expand(c.Checksum, at); known && sum != "" {
			for i := range f.n.Inputs[first:] {
				f.n.Inputs[first+i].Pinned = true
			}
		}
	case *instructions.RunCommand:
		f.command(c, at)
		f.mounts(c, k, refs, at)
	case *instructions.WorkdirCommand:
	default:
		return
	}
	f.n.Steps = append(f.n.Steps, Step{Text: k.Text, Range: at})
}

func (f *filling) arg(a dockerfile.Arg, at fault.Range) {
	value, known, set, err := f.scope.Declare(a)
	f.check(err, at)
	if !set {
		return
	}
	f.ownArgs()
	if known {
		f.n.Args.Set(a.Key, value)
	} else {
		f.n.Args.Unset(a.Key)
	}
}

// ownArgs gives the vertex arguments of its own: until one is set they are those
// of what it starts from, which a long chain of stages shares.
func (f *filling) ownArgs() {
	if f.ownsArgs {
		return
	}
	f.ownsArgs = true
	f.n.Args = f.n.Args.On()
}

// expand puts variables into a word.
func (f *filling) expand(word string, at fault.Range) (string, bool) {
	s, known, err := f.scope.Expand(word)
	f.check(err, at)
	return s, known
}

func (f *filling) check(err error, at fault.Range) {
	if err != nil {
		f.refuse(err, at, "Invalid variable")
	}
}

func (f *filling) refuse(err error, at fault.Range, summary string) {
	f.ok = false
	f.faults.Fail(at, summary, "%s", f.k.Told(fault.Sentence(fault.Cause(err).Error())))
}

// copy notes the sources of a COPY or ADD.
func (f *filling) copy(t *Take, refs []*node, at fault.Range) {
	var paths []string
	known := true
	written := t.Sources
	t.Sources = nil
	for _, src := range written {
		s, ok := f.expand(src, at)
		if !ok {
			known = false
			continue
		}
		if refs == nil && dockerfile.IsRemote(s) {
			f.edge(f.vertices.remote(s, at), Copy, nil, at)
			continue
		}
		paths = append(paths, dockerfile.ContextPath(s))
		t.Sources = append(t.Sources, s)
	}
	if !known {
		t, paths = nil, nil // all of it
	}
	switch {
	case len(refs) > 0:
		f.edge(refs[0], Copy, paths, at).Take = t
	case len(paths) > 0 || !known:
		f.edge(f.main, Context, paths, at).Take = t
	}
}

// mounts notes what the mounts of a RUN read.
func (f *filling) mounts(c *instructions.RunCommand, k *dockerfile.Cmd, refs []*node, at fault.Range) {
	mounts, known, err := f.scope.Mounts(c)
	if !known {
		// The type of a mount may be among what is unknown.
		f.mountAll(k, refs, at)
		return
	}
	if err != nil {
		f.refuse(err, at, "Invalid mount")
		return
	}
	for i, m := range mounts {
		f.credential(m, at)
		f.cacheMount(m, at)
		paths := []string{dockerfile.ContextPath(m.Source)}
		t := &Take{Sources: []string{m.Source}, Mount: true}
		if n := mounted(k.Froms, refs, i); n != nil {
			f.edge(n, Mount, paths, at).Take = t
		} else if m.From == "" && m.Type == instructions.MountTypeBind {
			f.edge(f.main, Context, paths, at).Take = t
		}
	}
}

// credential notes a secret or an ssh key. Without an id, a secret is known by
// the name of its file.
func (f *filling) credential(m *instructions.Mount, at fault.Range) {
	c := Credential{ID: m.CacheID, Required: m.Required, Range: at, Trigger: f.k.Trigger()}
	switch m.Type {
	case instructions.MountTypeSecret:
		c.Kind = "secret"
		if c.ID == "" && m.Target != "" {
			c.ID = path.Base(m.Target)
		}
	case instructions.MountTypeSSH:
		c.Kind, c.ID = "ssh", cmp.Or(c.ID, "default")
	default:
		return
	}
	f.n.Credentials = append(f.n.Credentials, c)
}

// cacheMount notes a mount that keeps its content between builds.
func (f *filling) cacheMount(m *instructions.Mount, at fault.Range) {
	if m.Type != instructions.MountTypeCache {
		return
	}
	f.n.Mounts = append(f.n.Mounts, MountUse{
		ID: cmp.Or(m.CacheID, path.Clean(m.Target)), Target: m.Target, Sharing: cmp.Or(string(m.CacheSharing), "shared"), Range: at,
	})
}

// mountAll notes everything that the mounts of a RUN may read.
func (f *filling) mountAll(k *dockerfile.Cmd, refs []*node, at fault.Range) {
	for _, n := range refs {
		f.edge(n, Mount, nil, at)
	}
	if k.HasFiles {
		f.edge(f.main, Context, nil, at)
	}
}

// mounted returns what the nth mount of an instruction names, or nil.
func mounted(froms []dockerfile.From, refs []*node, nth int) *node {
	for i, f := range froms {
		if f.Nth == nth {
			return refs[i]
		}
	}
	return nil
}

func (f *filling) edge(n *node, why EdgeKind, paths []string, at fault.Range) *Edge {
	if n.local != nil {
		if paths == nil {
			n.local.readAll()
		} else {
			n.local.read(paths)
		}
	}
	shown := make([]string, len(paths))
	for i, p := range paths {
		shown[i] = p
		if p == "" {
			shown[i] = "."
		}
	}
	if paths == nil {
		shown = nil
	}
	f.n.Inputs = append(f.n.Inputs, Edge{From: n.Vertex, Why: why, Range: at, Trigger: f.k.Trigger(), Paths: shown})
	return &f.n.Inputs[len(f.n.Inputs)-1]
}
