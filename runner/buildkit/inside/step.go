package inside

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/runner"
	"github.com/orch-build/orch/runner/buildkit/steps"
)

// nameKey is where a definition has the name of a vertex.
const nameKey = "llb.customname"

// Step is a step of a definition.
type Step struct {
	// Name is how the builder shows it.
	Name string
	def  *pb.Definition
	id   digest.Digest
	op   *pb.Op
}

// Steps are the steps of a definition, in its order.
func Steps(def *pb.Definition) ([]*Step, error) {
	var out []*Step
	for _, data := range def.GetDef() {
		s, err := newStep(def, data)
		if err != nil {
			return nil, err
		}
		if _, ok := steps.ParseName(s.Name); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

func newStep(def *pb.Definition, data []byte) (*Step, error) {
	op := &pb.Op{}
	if err := op.UnmarshalVT(data); err != nil {
		return nil, fmt.Errorf("reading a definition: %w", err)
	}
	id := digest.FromBytes(data)
	return &Step{Name: def.Metadata[string(id)].GetDescription()[nameKey], def: def, id: id, op: op}, nil
}

// Find finds a step by its label; the name of a stage is its last step. Of several
// platforms, the first one's is taken.
func Find(def *pb.Definition, label string) (*Step, error) {
	all, err := Steps(def)
	if err != nil {
		return nil, err
	}
	var labels []string
	var last *Step
	for _, s := range all {
		l := runner.StepLabel(s.Name)
		if strings.EqualFold(l, label) {
			return s, nil
		}
		if parts, _ := steps.ParseName(s.Name); strings.EqualFold(parts.Stage, label) {
			last = s
		}
		if !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	if last != nil {
		return last, nil
	}
	return nil, &UnknownError{Label: label, Labels: labels}
}

// UnknownError says that there is no step of that label.
type UnknownError struct {
	Label  string
	Labels []string // of the steps that there are
}

func (e *UnknownError) Error() string {
	if len(e.Labels) == 0 {
		return fmt.Sprintf("there is no step %q: there are no steps", e.Label)
	}
	return fmt.Sprintf("there is no step %q; there are %s", e.Label, strings.Join(e.Labels, ", "))
}

// neighbour is the RUN step whose environment a step without one is given: the last
// one of its stage before it, or else the first one after it; nil if there is none.
func (s *Step) neighbour() *Step {
	all, err := Steps(s.def)
	if err != nil {
		return nil
	}
	mine, _ := steps.ParseName(s.Name)
	var best *Step
	after := false
	for _, o := range all {
		if o.id == s.id {
			after = true
		}
		if name, _ := steps.ParseName(o.Name); name.Stage != mine.Stage || name.Platform != mine.Platform || o.op.GetExec() == nil {
			continue
		}
		if after && best != nil {
			break
		}
		best = o
	}
	return best
}

// cut is the part of a definition that makes one output of a vertex.
func cut(def *pb.Definition, id digest.Digest, index int64) (*pb.Definition, error) {
	ops := make(map[digest.Digest]*pb.Op, len(def.Def))
	for _, data := range def.Def {
		op := &pb.Op{}
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		ops[digest.FromBytes(data)] = op
	}
	keep := map[digest.Digest]bool{}
	pending := []digest.Digest{id}
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if keep[at] || ops[at] == nil {
			continue
		}
		keep[at] = true
		for _, in := range ops[at].Inputs {
			pending = append(pending, digest.Digest(in.Digest))
		}
	}
	end, err := (&pb.Op{Inputs: []*pb.Input{{Digest: string(id), Index: index}}}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("writing a definition: %w", err)
	}
	out := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}, Source: def.Source}
	for _, data := range def.Def {
		if at := digest.FromBytes(data); keep[at] {
			out.Def = append(out.Def, data)
			if md := def.Metadata[string(at)]; md != nil {
				out.Metadata[string(at)] = md
			}
		}
	}
	out.Def = append(out.Def, end)
	return out, nil
}
