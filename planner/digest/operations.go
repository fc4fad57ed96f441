package digest

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	godigest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/internal/contextfs"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/inputs"
)

// Kinds of operations.
const (
	KindRun    = "run"
	KindFile   = "file"   // COPY, ADD and WORKDIR
	KindImage  = "image"  // a source
	KindLocal  = "local"  // a source: a folder of this machine
	KindTarget = "target" // a source: a linked target
	KindRemote = "remote" // a source: a repository or an URL
	KindOther  = "other"
)

// Operation is one operation of a target's definition for a platform.
type Operation struct {
	Kind string
	// Name is what the builder shows, such as "[build 2/3] RUN make".
	Name string
	// Source is what a source is: an image, a linked target, a URL.
	Source string
	Line   int // in the Dockerfile; 0 if it is not written there
	// Own is the sum of the operation without what it takes.
	Own string
	// Key is what the builder looks its result up by: equal keys are one result.
	// Class is the same without what is taken of the results of others: where it
	// was never seen, no result can be there, whatever they come to.
	Key, Class string
	Inputs     []OperationInput
	Reads      []Reading
	// Env are the variables of a RUN, as NAME=SUM.
	Env []string
	// NoCache is true if it is to run in any case, and Anew if it is built on a
	// folder of this machine, which the builder takes for new in each run.
	NoCache, Anew bool
	// Loose is true of a source that is not pinned to what it holds.
	Loose bool
}

// OperationInput is an operation that another one takes from.
type OperationInput struct {
	Place int // in the list
	// Content is true if only what is taken counts, not how it was made.
	Content bool
}

// Reading is what an operation takes of a local context.
type Reading struct {
	// Context is "" for the main context, or the name of another.
	Context string
	Dir     string
	Query   inputs.Query
	Sum     string
	// Selection is what was found.
	Selection *inputs.Selection
	GitModes  bool
}

// Found is a file, a folder or a link that is read.
type Found struct {
	Path string // in the context
	// Sum is the content's, and Mode is what the builder sees.
	Sum, Mode string
	Size      int64
	Folder    bool
	// Same is the name under which the same file was found before, or "".
	Same string
}

// Each calls f for what was found.
func (r *Reading) Each(f func(Found)) {
	if r.Selection == nil {
		return
	}
	first := firstNames{}
	r.Selection.Each(func(it inputs.Selected) {
		mode, same := it.Mode, ""
		if r.GitModes {
			mode = contextfs.GitMode(mode)
		} else {
			same = first.of(it)
		}
		one := Found{Path: it.Path, Mode: mode.String(), Size: it.Stamp.Size, Folder: mode.IsDir(), Same: same}
		switch {
		case it.Sum != nil:
			one.Sum = godigest.NewDigestFromBytes(godigest.SHA256, it.Sum[:]).Encoded()[:32]
		case it.Link != "":
			one.Sum = "-> " + it.Link
		}
		f(one)
	})
}

// described is an operation as it is kept for words.
func (w *walk) described(id string, op *pb.Op, taken []bool) step {
	md := w.def.Metadata[godigest.Digest(id)]
	s := step{Line: w.line(id), Name: md.Description["llb.customname"], Kind: KindOther, NoCache: md.IgnoreCache}
	content := byContent(op, taken)
	for i, in := range op.Inputs {
		s.Inputs = append(s.Inputs, stepInput{w.places[in.Digest], i < len(content) && content[i]})
	}
	switch {
	case op.GetExec() != nil:
		s.Kind = KindRun
		for _, kv := range op.GetExec().GetMeta().GetEnv() {
			name, value, _ := strings.Cut(kv, "=")
			s.Env = append(s.Env, name+"="+hash(value)[:8])
		}
		slices.Sort(s.Env)
	case op.GetFile() != nil:
		s.Kind = KindFile
	case op.GetSource() != nil:
		s.Kind, s.Source = sourceKind(op.GetSource().Identifier)
		s.Loose = looseSource(s.Kind, op.GetSource())
	}
	return s
}

// byContent says which inputs of an operation the builder compares by what is taken of
// them, by its own rules (getMountDeps and the cache map of FileOp in BuildKit). taken
// are those that are not taken as a whole.
func byContent(op *pb.Op, taken []bool) []bool {
	if op.GetExec() == nil {
		return taken
	}
	out := make([]bool, len(op.Inputs))
	for _, m := range op.GetExec().Mounts {
		switch m.MountType {
		case pb.MountType_SECRET, pb.MountType_SSH, pb.MountType_TMPFS:
			continue
		}
		if m.Input < 0 || m.Input >= int64(len(out)) {
			continue
		}
		safe := m.Output == int64(pb.SkipOutput) || m.Readonly || path.Join("/", m.Selector) == pb.RootMount
		// Of several mounts of one input the last decides, also for the root.
		out[m.Input] = safe && m.ContentCache != pb.MountContentCache_OFF && (m.Dest != pb.RootMount || m.ContentCache == pb.MountContentCache_ON)
	}
	return out
}

func sourceKind(id string) (kind, name string) {
	scheme, name, _ := strings.Cut(id, "://")
	switch scheme {
	case "local":
		if strings.HasPrefix(name, linkContext) {
			return KindTarget, name
		}
		return KindLocal, name
	case "docker-image", "oci-layout":
		return KindImage, name
	}
	return KindRemote, id
}

// looseSource says whether what a source holds may change while its name does not.
func looseSource(kind string, src *pb.SourceOp) bool {
	switch kind {
	case KindImage:
		return !strings.Contains(src.Identifier, "@")
	case KindRemote:
		_, ref, _ := strings.Cut(src.Identifier, "#")
		ref, _, _ = strings.Cut(ref, ":")
		return src.Attrs[pb.AttrGitChecksum] == "" && src.Attrs[pb.AttrHTTPChecksum] == "" && !isCommit(ref)
	}
	return false
}

// Operations are what a target consists of, for each of its platforms in their order.
func (d *Digests) Operations(b *planner.Build) [][]Operation {
	if got, ok := d.operations[b]; ok {
		return got
	}
	var out [][]Operation
	for _, p := range d.engine.results[b].platforms {
		out = append(out, d.platformOperations(b, p.skeleton))
	}
	if d.operations == nil {
		d.operations = map[*planner.Build][][]Operation{}
	}
	d.operations[b] = out
	return out
}

func (d *Digests) platformOperations(b *planner.Build, s *skeleton) []Operation {
	ops := make([]Operation, len(s.Steps))
	for i, st := range s.Steps {
		op := &ops[i]
		*op = Operation{Kind: st.Kind, Name: st.Name, Source: st.Source, Line: st.Line, Own: st.Sum, Env: st.Env, NoCache: st.NoCache, Loose: st.Loose}
		if st.Kind == KindTarget {
			d.linkedOperation(b, op)
			continue
		}
		key, class := []string{"key", st.Sum}, []string{"class", st.Sum}
		for _, r := range st.Reads {
			reading := d.reading(b, s.Reads[r])
			op.Reads = append(op.Reads, reading)
			key, class = append(key, reading.Sum), append(class, reading.Sum)
		}
		for n, in := range st.Inputs {
			below := &ops[in.Step]
			op.Inputs = append(op.Inputs, OperationInput{in.Step, in.Content})
			op.Anew = op.Anew || below.Kind == KindLocal && !in.Content
			key = append(key, below.Key)
			if in.Content {
				class = append(class, "content "+strconv.Itoa(n))
			} else {
				class = append(class, below.Class)
			}
		}
		op.Key, op.Class = hash(key...)[:16], hash(class...)[:16]
	}
	return ops
}

// linkedOperation is a source that is a linked target: its result is the result of the
// target's last operation.
func (d *Digests) linkedOperation(b *planner.Build, op *Operation) {
	for key, other := range b.Links {
		for i, p := range d.engine.results[other].platforms {
			if op.Source != linkContext+key+":"+p.id {
				continue
			}
			op.Source, op.Key, op.Class = other.Name(), "", ""
			if list := d.Operations(other)[i]; len(list) > 0 {
				last := list[len(list)-1]
				op.Key, op.Class = last.Key, last.Class
			}
			return
		}
	}
}

func (d *Digests) reading(b *planner.Build, r read) Reading {
	out := Reading{Context: contextName(r.Context), Query: r.Query, Sum: "none"}
	l := local(b, r.Context)
	if l == nil {
		return out
	}
	out.Dir, out.GitModes = l.Dir, d.engine.opt.GitModes || l.GitModes
	out.Selection, out.Sum = d.engine.reads.Select(l, r.Query), d.engine.sum(b, r).sum
	return out
}

func contextName(name string) string {
	if name == mainContext {
		return ""
	}
	return strings.TrimPrefix(name, namedContext)
}
