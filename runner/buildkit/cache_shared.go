package buildkit

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// op is one vertex of a definition.
type op struct {
	data   []byte
	op     *pb.Op
	meta   *pb.OpMetadata
	users  int  // sets that have it
	source bool // it only fetches something
}

// opIndex holds the vertices of several sets of definitions by their digest.
type opIndex map[digest.Digest]*op

// head is an output of a vertex.
type head struct {
	digest digest.Digest
	index  int64
}

// sharedDefinitions returns the definitions of what two or more sets have in
// common: one for each vertex of theirs that something else builds on. Each
// set holds the definitions of one target.
func sharedDefinitions(sets [][]*pb.Definition) ([]*pb.Definition, error) {
	ops := opIndex{}
	for _, set := range sets {
		if err := ops.add(set); err != nil {
			return nil, err
		}
	}
	var out []*pb.Definition
	for _, h := range ops.heads() {
		def, err := ops.definition(h)
		if err != nil {
			return nil, err
		}
		out = append(out, def)
	}
	return out, nil
}

// add enters the definitions of one target.
func (ops opIndex) add(set []*pb.Definition) error {
	mine := map[digest.Digest]bool{}
	for _, def := range set {
		for _, data := range def.Def {
			id := digest.FromBytes(data)
			if mine[id] {
				continue
			}
			mine[id] = true
			o := ops[id]
			if o == nil {
				o = &op{data: data, op: &pb.Op{}, meta: def.Metadata[string(id)]}
				if err := o.op.Unmarshal(data); err != nil {
					return err
				}
				o.source = o.op.GetSource() != nil
				ops[id] = o
			}
			o.users++
		}
	}
	return nil
}

// heads are the shared vertices that vertices of single targets build on, or
// that are a result themselves, in a stable order. One that only fetches
// something has no cache worth keeping.
func (ops opIndex) heads() []head {
	found := map[head]bool{}
	for _, o := range ops {
		if o.users > 1 && o.op.Op != nil {
			continue
		}
		for _, in := range o.op.Inputs {
			id := digest.Digest(in.Digest)
			if below := ops[id]; below != nil && below.users > 1 && !below.source {
				found[head{id, in.Index}] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b head) int {
		if c := strings.Compare(a.digest.String(), b.digest.String()); c != 0 {
			return c
		}
		return int(a.index - b.index)
	})
}

// definition cuts out what a head is made from. The last vertex of a
// definition only points to the result.
func (ops opIndex) definition(h head) (*pb.Definition, error) {
	def := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	seen := map[digest.Digest]bool{}
	var visit func(id digest.Digest)
	visit = func(id digest.Digest) {
		o := ops[id]
		if seen[id] || o == nil {
			return
		}
		seen[id] = true
		for _, in := range o.op.Inputs {
			visit(digest.Digest(in.Digest))
		}
		def.Def = append(def.Def, o.data)
		if o.meta != nil {
			def.Metadata[string(id)] = o.meta
		}
	}
	visit(h.digest)
	last := &pb.Op{Inputs: []*pb.Input{{Digest: string(h.digest), Index: h.index}}}
	data, err := last.Marshal()
	if err != nil {
		return nil, err
	}
	def.Def = append(def.Def, data)
	return def, nil
}
