// Package definition reads the definitions that a frontend hands to BuildKit:
// what they end in, whether two of them do the same, and which images they pin.
// It knows nothing of targets and frontends, and asks no builder.
package definition

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// ofSession are the attributes of a source that only say which session brings
// it. They differ where the same thing is asked for twice.
var ofSession = []string{pb.AttrLocalSessionID, pb.AttrLocalUniqueID, pb.AttrOCILayoutSessionID}

// imageScheme begins the identifier of an image.
const imageScheme = "docker-image://"

// Root is the vertex that a definition ends in, and which of its results; ""
// for an empty definition. Equal roots mean equal definitions.
func Root(def *pb.Definition) (digest.Digest, int64, error) {
	if def == nil || len(def.Def) == 0 {
		return "", 0, nil
	}
	var op pb.Op
	if err := op.UnmarshalVT(def.Def[len(def.Def)-1]); err != nil {
		return "", 0, fmt.Errorf("reading a definition: %w", err)
	}
	if op.Op != nil || len(op.Inputs) == 0 {
		return "", 0, errors.New("reading a definition: it has no end")
	}
	return digest.Digest(op.Inputs[0].Digest), op.Inputs[0].Index, nil
}

// Same says whether two definitions do the same, whichever session brings what
// they read, and whatever proxy they use: BuildKit leaves both out of what it
// looks a step up by.
func Same(a, b *pb.Definition) (bool, error) {
	rootA, indexA, err := Root(a)
	if err != nil {
		return false, err
	}
	rootB, indexB, err := Root(b)
	if err != nil {
		return false, err
	}
	if rootA == rootB || rootA == "" || rootB == "" {
		return rootA == rootB && indexA == indexB, nil
	}
	sumA, err := sum(a, rootA, false)
	if err != nil {
		return false, err
	}
	sumB, err := sum(b, rootB, false)
	return sumA == sumB && indexA == indexB, err
}

// Sum is a digest of what a definition does, whichever session brings what it
// reads; "" for an empty definition.
func Sum(def *pb.Definition) (digest.Digest, error) {
	root, _, err := Root(def)
	if err != nil || root == "" {
		return "", err
	}
	return sum(def, root, false)
}

// SumAnywhere is as Sum, and equal too where the folders that sessions bring are in
// other places, as on another machine: all of them count as one.
func SumAnywhere(def *pb.Definition) (digest.Digest, error) {
	root, _, err := Root(def)
	if err != nil || root == "" {
		return "", err
	}
	return sum(def, root, true)
}

// localScheme begins the identifier of a folder that a session brings.
const localScheme = "local://"

// sum is the digest of a vertex without what does not count.
func sum(def *pb.Definition, root digest.Digest, anywhere bool) (digest.Digest, error) {
	s := summing{anywhere: anywhere, ops: make(map[digest.Digest][]byte, len(def.Def)), sums: make(map[digest.Digest]digest.Digest, len(def.Def))}
	for _, data := range def.Def {
		s.ops[digest.FromBytes(data)] = data
	}
	return s.of(root)
}

type summing struct {
	// anywhere says that it does not count which folder a session brings.
	anywhere bool
	ops      map[digest.Digest][]byte
	sums     map[digest.Digest]digest.Digest
}

func (s *summing) of(id digest.Digest) (digest.Digest, error) {
	if sum, ok := s.sums[id]; ok {
		return sum, nil
	}
	data, ok := s.ops[id]
	if !ok {
		return "", fmt.Errorf("reading a definition: the vertex %s is not there", id)
	}
	var op pb.Op
	if err := op.UnmarshalVT(data); err != nil {
		return "", fmt.Errorf("reading a definition: %w", err)
	}
	for _, in := range op.Inputs {
		sum, err := s.of(digest.Digest(in.Digest))
		if err != nil {
			return "", err
		}
		in.Digest = string(sum)
	}
	if src := op.GetSource(); src != nil {
		for _, key := range ofSession {
			delete(src.Attrs, key)
		}
		if s.anywhere && strings.HasPrefix(src.Identifier, localScheme) {
			src.Identifier, src.Attrs = localScheme, nil
		}
	}
	if exec := op.GetExec(); exec != nil && exec.Meta != nil {
		exec.Meta.ProxyEnv = nil
	}
	plain, err := proto.MarshalOptions{Deterministic: true}.Marshal(&op)
	if err != nil {
		return "", fmt.Errorf("reading a definition: %w", err)
	}
	s.sums[id] = digest.FromBytes(plain)
	return s.sums[id], nil
}

// Pin says which very image a name meant.
type Pin struct {
	Name   string // the identifier without a digest, such as docker-image://docker.io/library/alpine:3
	Pinned string // the identifier with it
}

// Pins are the images of definitions that are named by tag and digest, in the
// order of their names. A name with two digests, of which only one can be what
// the tag meant, is left out.
func Pins(defs []*pb.Definition) ([]Pin, error) {
	pinned := map[string]string{}
	twice := map[string]bool{}
	for _, def := range defs {
		for _, data := range def.GetDef() {
			var op pb.Op
			if err := op.UnmarshalVT(data); err != nil {
				return nil, fmt.Errorf("reading a definition: %w", err)
			}
			id := op.GetSource().GetIdentifier()
			name, _, ok := strings.Cut(id, "@")
			if !ok || !strings.HasPrefix(id, imageScheme) {
				continue
			}
			if have, ok := pinned[name]; ok && have != id {
				twice[name] = true
			}
			pinned[name] = id
		}
	}
	var out []Pin
	for name, id := range pinned {
		if !twice[name] {
			out = append(out, Pin{Name: name, Pinned: id})
		}
	}
	slices.SortFunc(out, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
