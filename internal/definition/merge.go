package definition

import (
	"fmt"
	"maps"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Merge makes one definition of several: an empty folder for which all of their
// results are needed. An export of one result walks over what leads to it once;
// of many, once for each, the shared steps every time. The results laid over one
// another would do as well, but BuildKit lists the layers of all in the export.
func Merge(defs []*pb.Definition) (*pb.Definition, error) {
	out := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}}
	known := map[digest.Digest]bool{}
	add := func(data []byte) string {
		id := digest.FromBytes(data)
		if !known[id] {
			known[id] = true
			out.Def = append(out.Def, data)
		}
		return string(id)
	}
	all := &pb.Op{Op: &pb.Op_File{File: &pb.FileOp{Actions: []*pb.FileAction{{
		Input: -1, SecondaryInput: -1, Output: 0,
		Action: &pb.FileAction_Mkdir{Mkdir: &pb.FileActionMkDir{Path: "/", Mode: 0o755, MakeParents: true, Timestamp: 0}},
	}}}}}
	taken := map[string]bool{}
	for _, def := range defs {
		for _, data := range def.Def {
			var op pb.Op
			if err := op.UnmarshalVT(data); err != nil {
				return nil, fmt.Errorf("reading a definition: %w", err)
			}
			if op.Op != nil {
				add(data)
				continue
			}
			// The last one only says which result is meant.
			if len(op.Inputs) == 0 || op.Inputs[0].Digest == "" {
				continue
			}
			in := op.Inputs[0]
			if key := fmt.Sprint(in.Digest, in.Index); !taken[key] {
				taken[key] = true
				all.Inputs = append(all.Inputs, in)
			}
		}
		maps.Copy(out.Metadata, def.Metadata)
	}
	top := all.Inputs
	if len(top) > 1 {
		data, err := all.Marshal()
		if err != nil {
			return nil, err
		}
		id := add(data)
		out.Metadata[id] = &pb.OpMetadata{Description: map[string]string{"llb.customname": "[internal] all results"}}
		top = []*pb.Input{{Digest: id}}
	}
	data, err := (&pb.Op{Inputs: top}).Marshal()
	if err != nil {
		return nil, err
	}
	add(data)
	return out, nil
}
