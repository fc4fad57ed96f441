package rights

import (
	"fmt"
	"maps"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Rename gives what vertices of a definition ask for other IDs: names holds
// them by the right that is asked for, for each vertex. All that is built on
// such a vertex becomes another vertex too.
func Rename(def *pb.Definition, names map[digest.Digest]map[Right]string) (*pb.Definition, error) {
	r := &renaming{
		names: names,
		old:   def,
		ops:   make(map[digest.Digest]*pb.Op, len(def.Def)),
		done:  make(map[digest.Digest]digest.Digest, len(def.Def)),
		out:   &pb.Definition{Metadata: map[string]*pb.OpMetadata{}},
	}
	ids := make([]digest.Digest, len(def.Def))
	for i, data := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading a definition: %w", err)
		}
		ids[i] = digest.FromBytes(data)
		r.ops[ids[i]] = &op
	}
	if def.Source != nil {
		r.out.Source = &pb.Source{Infos: def.Source.Infos, Locations: map[string]*pb.Locations{}}
	}
	for _, id := range ids {
		if err := r.vertex(id); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// renaming is a definition on its way to another.
type renaming struct {
	names map[digest.Digest]map[Right]string
	old   *pb.Definition
	ops   map[digest.Digest]*pb.Op
	done  map[digest.Digest]digest.Digest // new digests by the old ones
	out   *pb.Definition
}

// vertex adds a vertex to the new definition, behind those that it is built
// on. A definition has them in that order; one that has not is not relied on.
func (r *renaming) vertex(id digest.Digest) error {
	if _, ok := r.done[id]; ok {
		return nil
	}
	r.done[id] = id // so that a circle, which is the builder's to refuse, ends
	op := r.ops[id]
	if op == nil {
		return nil
	}
	for _, in := range op.Inputs {
		from := digest.Digest(in.Digest)
		if err := r.vertex(from); err != nil {
			return err
		}
		in.Digest = string(r.done[from])
	}
	rename(op, r.names[id])
	data, err := op.Marshal()
	if err != nil {
		return fmt.Errorf("writing a definition: %w", err)
	}
	now := digest.FromBytes(data)
	r.done[id] = now
	r.out.Def = append(r.out.Def, data)
	if md := r.old.Metadata[string(id)]; md != nil {
		r.out.Metadata[string(now)] = md
	}
	if r.out.Source != nil {
		if at := r.old.Source.Locations[string(id)]; at != nil {
			r.out.Source.Locations[string(now)] = at
		}
	}
	return nil
}

// rename changes the IDs in one vertex.
func rename(op *pb.Op, names map[Right]string) {
	if len(names) == 0 {
		return
	}
	change := func(kind Kind, id *string) {
		if name, ok := names[Right{kind, *id}]; ok {
			*id = name
		}
	}
	if e := op.GetExec(); e != nil {
		for _, m := range e.Mounts {
			if m.SecretOpt != nil {
				change(Secret, &m.SecretOpt.ID)
			}
			if m.SSHOpt != nil {
				m.SSHOpt.ID = sshID(m.SSHOpt.ID)
				change(SSH, &m.SSHOpt.ID)
			}
		}
		for _, s := range e.Secretenv {
			change(Secret, &s.ID)
		}
	}
	if s := op.GetSource(); s != nil {
		s.Attrs = maps.Clone(s.Attrs)
		for attr, kind := range map[string]Kind{
			pb.AttrAuthHeaderSecret: Secret, pb.AttrAuthTokenSecret: Secret,
			pb.AttrHTTPAuthHeaderSecret: Secret, pb.AttrMountSSHSock: SSH,
		} {
			if id := s.Attrs[attr]; id != "" {
				change(kind, &id)
				s.Attrs[attr] = id
			}
		}
	}
}
